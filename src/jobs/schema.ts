/** The schemas of the job queue: Paddock's own, and the one that the server before left. */
import { Logger, runMigrations } from "graphile-worker";
import { getLogger } from "@logtape/logtape";
import { createJobPool } from "./job_pool.ts";
import type { Queryable } from "../stores/postgres/database.ts";

/**
 * Paddock's own jobs. Not in the schema of the server before: that one's version could not read it
 * any more, and going back to that server is to stay possible.
 */
export const JOB_SCHEMA = "paddock_jobs";

/** Whose a schema is: that of a graphile-worker as old as the server before, or of today's. */
export type JobSchemaKind = "absent" | "before" | "current";

/** Graphile's own log, as a category of ours. Its errors are told by the runner in better words. */
export function graphileLogger(): Logger {
  const log = getLogger(["paddock", "jobs"]);
  return new Logger(() => (_level, message) => {
    log.debug`${message}`;
  });
}

/** Creates or upgrades Paddock's own schema. Safe to run again, and by several servers at once. */
export async function migrateJobSchema(connectionString: string): Promise<void> {
  await runMigrationsOf(connectionString, JOB_SCHEMA);
}

/** What a schema holds. */
export async function jobSchemaKind(
  database: Queryable,
  schema: string,
): Promise<JobSchemaKind> {
  const columns = await database.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = $1 AND table_name = 'migrations'`,
    [schema],
  );
  if (columns.length === 0) return "absent";
  // Versions before the one that has the column of breaking changes.
  return columns.some(({ name }) => name === "breaking") ? "current" : "before";
}

/**
 * Upgrades the schema of the server before, on request only: that server cannot use it afterwards.
 * Its jobs are run as before.
 */
export async function upgradeJobSchema(connectionString: string, schema: string): Promise<void> {
  await runMigrationsOf(connectionString, schema);
}

async function runMigrationsOf(connectionString: string, schema: string): Promise<void> {
  const pgPool = createJobPool(connectionString, 2);
  try {
    await runMigrations({ pgPool, schema, logger: graphileLogger() });
  } finally {
    await pgPool.end();
  }
}
