import assert from "node:assert/strict";
import { PaddockError } from "../../src/errors.ts";
import { MIGRATIONS } from "../../src/stores/migrations/index.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { ensureEventSeenPartitions } from "../../src/stores/postgres/event_seen_partitions.ts";
import { createFirstProject } from "../../src/stores/postgres/first_project.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { createTestDatabase } from "../services/database.ts";

/** Every column, constraint and index of the `posthog_*` tables, as text. */
async function posthogCatalog(database: Database): Promise<string[]> {
  const rows = await database.query<{ line: string }>(`
    SELECT format('%s.%s %s %s', table_name, column_name, data_type, is_nullable) AS line
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1`);
  return rows.map(({ line }) => line);
}

Deno.test("two servers migrate at once, and again: applied once", async () => {
  await using test = await createTestDatabase();
  const [one, other] = await Promise.all([migrate(test.database), migrate(test.database)]);
  assert.equal(one.applied.length + other.applied.length, MIGRATIONS.length);
  assert.notEqual(one.createdPosthogTables, other.createdPosthogTables);
  assert.deepEqual(await migrate(test.database), { applied: [], createdPosthogTables: false });
});

Deno.test("existing PostHog tables are used and never altered", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  await migrate(database);
  await database.query("DROP SCHEMA paddock CASCADE");
  // What a later version of the owner's application may have added.
  await database.query("ALTER TABLE posthog_team ADD COLUMN later_addition text");
  const before = await posthogCatalog(database);
  const report = await migrate(database);
  assert.equal(report.createdPosthogTables, false);
  assert.equal(report.applied.length, MIGRATIONS.length);
  assert.deepEqual(await posthogCatalog(database), before);
});

Deno.test("a database of a newer version, and half a PostHog, are refused", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  await migrate(database);
  await database.query("INSERT INTO paddock.migration (id, name) VALUES (999, 'from_the_future')");
  await assert.rejects(migrate(database), (error: unknown) => {
    assert.ok(error instanceof PaddockError);
    assert.equal(error.code, "PDK_SCHEMA_NEWER");
    assert.match(error.message, /999 from_the_future/);
    return true;
  });
  await database.query("DELETE FROM paddock.migration WHERE id = 999");
  await database.query("DROP TABLE posthog_sessionrecordingevent");
  await assert.rejects(migrate(database), /lacks posthog_sessionrecordingevent/);
});

Deno.test("the first project is made once", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const made = await Promise.all([
    createFirstProject(test.database),
    createFirstProject(test.database),
  ]);
  const project = made.find((entry) => entry !== null);
  assert.equal(made.filter((entry) => entry !== null).length, 1);
  assert.match(project?.apiToken ?? "", /^phc_\w{40,}$/);
});

Deno.test("the days of event_seen are made ahead and dropped behind", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  await migrate(database);
  await database.query(`CREATE TABLE paddock.event_seen_20200101
    PARTITION OF paddock.event_seen FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')`);
  await Promise.all([
    ensureEventSeenPartitions(database, { retentionDays: 7 }),
    ensureEventSeenPartitions(database, { retentionDays: 7 }),
  ]);
  const rows = await database.query<{ days: number; first: string }>(
    `SELECT count(*)::int AS days, min(inhrelid::regclass::text) AS first FROM pg_inherits
     WHERE inhparent = 'paddock.event_seen'::regclass`,
  );
  assert.equal(rows[0]?.days, 4);
  assert.notEqual(rows[0]?.first, "paddock.event_seen_20200101");
});
