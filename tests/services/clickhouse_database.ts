import { randomBytes } from "node:crypto";
import { ClickHouse } from "../../src/stores/clickhouse/client.ts";
import { demandService } from "./on_demand.ts";

/** A database of its own on the test ClickHouse. */
export interface TestClickHouse extends AsyncDisposable {
  readonly url: string;
  readonly database: string;
  readonly clickhouse: ClickHouse;
}

/** Disposing drops it. */
export async function createTestClickHouse(): Promise<TestClickHouse> {
  const url = await demandService("clickhouse");
  const database = `test_${randomBytes(6).toString("hex")}`;
  const options = { url, user: "default", password: "", ca: null };
  const admin = new ClickHouse({ ...options, database: "default" });
  await admin.command(`CREATE DATABASE ${database}`);
  const clickhouse = new ClickHouse({ ...options, database });
  return {
    url,
    database,
    clickhouse,
    async [Symbol.asyncDispose]() {
      await clickhouse.close();
      await admin.command(`DROP DATABASE ${database} SYNC`);
      await admin.close();
    },
  };
}
