/** Statements as Postgres counts them, for which it has to be started with `pg_stat_statements`. */
import type { Database } from "../../src/stores/postgres/database.ts";

/** The settings that make Postgres count. */
export const COUNTING_SETTINGS = [
  "shared_preload_libraries=pg_stat_statements",
  "pg_stat_statements.track_utility=on",
];

/** Makes Postgres count, and a role whose statements are those of the server alone. */
export async function createCountedRole(database: Database, role: string): Promise<void> {
  await database.query("CREATE EXTENSION pg_stat_statements");
  await database.query(`CREATE ROLE ${role} SUPERUSER LOGIN`);
}

/** How many statements a role has sent so far: BEGIN, COMMIT and the like too. */
export async function statementsOf(database: Database, role: string): Promise<number> {
  const rows = await database.query<{ calls: number }>(
    `SELECT coalesce(sum(calls), 0)::float8 AS calls FROM pg_stat_statements
     WHERE userid = $1::regrole`,
    [role],
  );
  return rows[0]?.calls ?? 0;
}
