/** Creates and upgrades tables. Safe to run at any time, and by several servers at once. */
import { getLogger } from "@logtape/logtape";
import { PaddockError } from "../../errors.ts";
import type { Database, Queryable } from "../postgres/database.ts";
import { MIGRATIONS } from "./index.ts";
import { POSTHOG_TABLES } from "./posthog/tables.ts";
import posthogSchema from "./posthog/schema.sql" with { type: "text" };
import posthogSearchIndexes from "./posthog/search_indexes.sql" with { type: "text" };

/** What a run did. */
export interface MigrationReport {
  /** Names of Paddock's migrations that were applied now. */
  readonly applied: readonly string[];
  /** True when the `posthog_*` tables were made now; false when they were there already. */
  readonly createdPosthogTables: boolean;
}

/** Any constant: only Paddock's migrations take this advisory lock. */
const LOCK_KEY = 7_233_364;

const PREPARE = `
CREATE SCHEMA IF NOT EXISTS paddock;
CREATE TABLE IF NOT EXISTS paddock.migration (
  id integer PRIMARY KEY,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)`;

/**
 * Brings the database up to this version: the `posthog_*` tables where there are none (existing ones
 * are used and never altered), and Paddock's own in the schema `paddock`.
 *
 * @throws PaddockError PDK_SCHEMA_NEWER when a newer Paddock migrated this database;
 *   PDK_CONFIG_INVALID when only some of the `posthog_*` tables are there
 */
export async function migrate(database: Database): Promise<MigrationReport> {
  return await database.transaction(async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCK_KEY]);
    const createdPosthogTables = await createPosthogTables(tx);
    await tx.query(PREPARE);
    const rows = await tx.query<{ id: number; name: string }>(
      "SELECT id, name FROM paddock.migration",
    );
    const done = new Set(rows.map((row) => row.id));
    const newer = rows.filter((row) => !MIGRATIONS.some(({ id }) => id === row.id));
    if (newer.length > 0) {
      const names = newer.map((row) => `${row.id} ${row.name}`).join(", ");
      throw new PaddockError(
        "PDK_SCHEMA_NEWER",
        `the database has migrations unknown here: ${names}`,
      );
    }
    const applied: string[] = [];
    for (const { id, name, sql } of MIGRATIONS) {
      if (done.has(id)) continue;
      await tx.query(sql);
      await tx.query("INSERT INTO paddock.migration (id, name) VALUES ($1, $2)", [id, name]);
      applied.push(name);
    }
    return { applied, createdPosthogTables };
  }, "patient");
}

async function createPosthogTables(tx: Queryable): Promise<boolean> {
  const rows = await tx.query<{ name: string }>(
    "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(quote_ident(name)) IS NOT NULL",
    [POSTHOG_TABLES],
  );
  const present = new Set(rows.map((row) => row.name));
  const missing = POSTHOG_TABLES.filter((name) => !present.has(name));
  if (missing.length === 0) return false;
  if (present.has("posthog_team")) {
    throw new PaddockError(
      "PDK_CONFIG_INVALID",
      `this looks like a PostHog database, but it lacks ${missing.join(", ")}`,
    );
  }
  if (present.size > 0) {
    throw new PaddockError(
      "PDK_CONFIG_INVALID",
      `the database has ${[...present].join(", ")} but not posthog_team: use an empty database`,
    );
  }
  await tx.query(posthogSchema);
  await createSearchIndexes(tx);
  return true;
}

/** They only make the definitions' search faster, and need an extension that not everybody has. */
async function createSearchIndexes(tx: Queryable): Promise<void> {
  await tx.query("SAVEPOINT search_indexes");
  try {
    await tx.query(posthogSearchIndexes);
  } catch (error) {
    await tx.query("ROLLBACK TO SAVEPOINT search_indexes");
    getLogger(["paddock", "migrate"])
      .info`no pg_trgm here, so the definitions have no search index: ${String(error)}`;
  }
}
