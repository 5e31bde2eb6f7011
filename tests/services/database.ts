import { randomBytes } from "node:crypto";
import { Database } from "../../src/stores/postgres/database.ts";

/** A database of its own for one test. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
}

/** A statement that takes longer waits for something that will not come. */
const STATEMENT_MS = 120_000;

/** The address of a service the test command started; a clear failure when it did not. */
export function serviceAddress(name: string): string {
  const value = Deno.env.get(name);
  if (!value) {
    throw new Error(`${name} is not set: run the tests with 'deno task test', which starts it`);
  }
  return value;
}

/** Creates an empty database on the test Postgres; disposing drops it. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const adminUrl = serviceAddress("PADDOCK_TEST_POSTGRES_URL");
  const name = `paddock_test_${randomBytes(6).toString("hex")}`;
  const admin = new Database({
    connectionString: adminUrl,
    max: 1,
    applicationName: "tests",
    timeoutMs: STATEMENT_MS,
  });
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const database = new Database({
    connectionString: url.href,
    max: 5,
    applicationName: "tests",
    timeoutMs: STATEMENT_MS,
  });
  return {
    url: url.href,
    database,
    async [Symbol.asyncDispose]() {
      await database.close();
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.close();
    },
  };
}
