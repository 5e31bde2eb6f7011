import { runMigrations } from "graphile-worker";
import { getLogger } from "@logtape/logtape";
import type { Queryable } from "../stores/postgres/database.ts";

export interface JobSchemaOptions {
  readonly connectionString: string;
  readonly schema: string;
}

/**
 * Creates or upgrades the job queue's schema. One that the server before made is of a version that
 * cannot be gone back to once it is upgraded, so it is left alone.
 * @returns whether the schema is Paddock's to use now
 */
export async function migrateJobSchema(
  database: Queryable,
  options: JobSchemaOptions,
): Promise<boolean> {
  const log = getLogger(["paddock", "jobs"]);
  const [table] = await database.query<{ present: string | null }>(
    "SELECT to_regclass(format('%I.migrations', $1::text))::text AS present",
    [options.schema],
  );
  if (table?.present && await isOfServerBefore(database, options.schema)) {
    log.warn`the job queue in schema ${options.schema} is the server's before: it is left as it is`;
    return false;
  }
  await runMigrations({
    connectionString: options.connectionString,
    schema: options.schema,
    // Its own log would go around ours.
    logger: new (await import("graphile-worker")).Logger(() => (_level, message) => {
      log.debug`${message}`;
    }),
  });
  return true;
}

/** Versions before the one that has the column of breaking changes. */
async function isOfServerBefore(database: Queryable, schema: string): Promise<boolean> {
  const rows = await database.query(
    `SELECT 1 FROM information_schema.columns
     WHERE table_schema = $1 AND table_name = 'migrations' AND column_name = 'breaking'`,
    [schema],
  );
  return rows.length === 0;
}
