/** Makes ClickHouse's tables. Safe to run again. */
import type { PaddockError } from "../../errors.ts";
import type { ClickHouse } from "./client.ts";
import { type TablePlace, tableStatements } from "./tables.ts";

interface Migration {
  /** Ascending. One that was released never changes. */
  readonly id: number;
  readonly name: string;
  readonly statements: (place: TablePlace) => readonly string[];
}

const MIGRATIONS: readonly Migration[] = [
  { id: 1, name: "tables", statements: tableStatements },
];

/** What a run did. */
export interface ClickHouseMigrationReport {
  /** Names of the migrations that were applied now. */
  readonly applied: readonly string[];
  /** Why the table of events cannot read its topic yet, or null. */
  readonly missingSchema: string | null;
}

/**
 * Tables that are there are left as they are; a run that was cut short goes on where it was.
 * @throws PaddockError PDK_CLICKHOUSE_UNAVAILABLE, PDK_CLICKHOUSE_REFUSED
 */
export async function migrateClickHouse(
  clickhouse: ClickHouse,
  place: TablePlace,
): Promise<ClickHouseMigrationReport> {
  await clickhouse.command(
    `CREATE TABLE IF NOT EXISTS paddock_migration (
       id UInt32, name String, applied_at DateTime DEFAULT now()
     ) ENGINE = ReplacingMergeTree ORDER BY id`,
  );
  const rows = await clickhouse.query<{ id: number }>("SELECT id FROM paddock_migration");
  const done = new Set(rows.map(({ id }) => id));
  const applied: string[] = [];
  for (const { id, name, statements } of MIGRATIONS) {
    if (done.has(id)) continue;
    for (const statement of statements(place)) await clickhouse.command(statement);
    await clickhouse.command(`INSERT INTO paddock_migration (id, name) VALUES (${id}, '${name}')`);
    applied.push(name);
  }
  return { applied, missingSchema: await findMissingSchema(clickhouse) };
}

/** ClickHouse says nothing of a schema it lacks until it reads the first event. */
async function findMissingSchema(clickhouse: ClickHouse): Promise<string | null> {
  try {
    await clickhouse.command(
      "DESCRIBE TABLE format(Protobuf, '') SETTINGS format_schema = 'events:Event'",
    );
    return null;
  } catch (error) {
    if ((error as PaddockError).code === "PDK_CLICKHOUSE_UNAVAILABLE") throw error;
    return (error as PaddockError).message;
  }
}
