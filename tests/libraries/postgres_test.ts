/** `pg` in the fence, against a real Postgres. */
import assert from "node:assert/strict";
import { createTestDatabase } from "../services/database.ts";
import { startTcpProxy } from "../services/tcp_proxy.ts";
import { eventually } from "../services/plugin_server.ts";
import { runPlugin } from "./exporter_run.ts";
import { answerOf } from "./library_run.ts";

const grantOf = (url: string) => new URL(url).host;

Deno.test("postgres_export: every event is a row; a table or a wire that is away is waited for", async () => {
  await using target = await createTestDatabase();
  const url = new URL(target.url);
  await using wire = await startTcpProxy({ host: "127.0.0.1", port: Number(url.port) });
  url.port = String(wire.port);
  await using run = await runPlugin("postgres_export", {
    config: { databaseUrl: url.href, tableName: "out; drop", hasSelfSignedCert: "None" },
    grants: [url.host],
  });
  await run.sendNumbers(0, 30);
  const numbers = async () => {
    const rows = await target.database.query<{ number: number }>(
      "SELECT (properties->>'number')::int AS number FROM outdrop ORDER BY 1",
    );
    return rows.map(({ number }) => number);
  };
  const logText = () => run.server.logText();
  const arrived = async (count: number) => new Set(await numbers().catch(() => [])).size === count;
  await eventually(() => arrived(30), logText);
  // The table is away, so that inserts fail; what was to be exported waits.
  await target.database.query("ALTER TABLE outdrop RENAME TO elsewhere");
  await run.sendNumbers(30, 20);
  await eventually(
    () => /Error uploading to PostgreSQL: .*does not exist/.test(logText()),
    logText,
  );
  await target.database.query("ALTER TABLE elsewhere RENAME TO outdrop");
  await eventually(() => arrived(50), logText, 30_000);
  // The wire is cut, so that nothing answers at all.
  wire.cut();
  await run.sendNumbers(50, 20);
  await eventually(() => /Error uploading to PostgreSQL: .*time/.test(logText()), logText);
  wire.mend(true);
  await eventually(() => arrived(70), logText, 30_000);
  assert.deepEqual([...new Set(await numbers())], [...Array(70).keys()]);
});

Deno.test("postgres_import: rows become events, each once, page by page", async () => {
  await using target = await createTestDatabase();
  await target.database.query(
    `CREATE TABLE purchase AS SELECT id, 'thing ' || id AS name, id * 10 AS price, now() AS bought_at
     FROM generate_series(1, 25) AS id`,
  );
  await using run = await runPlugin("postgres_import", {
    config: { databaseUrl: target.url, tableName: "purchase", pageSize: "10" },
    grants: [grantOf(target.url)],
  });
  const importer = run.server.hosts.targets.all()[0];
  importer?.load();
  await eventually(() => importer?.exports !== null, () => run.server.logText());
  for (let minute = 0; minute < 4; minute++) await importer?.call("runEveryMinute", []);
  assert.deepEqual(
    run.server.printed(),
    ["imported 10", "imported 10", "imported 5", "imported 0"],
    run.server.logText(),
  );
  const captured = await run.test.database.query<{ payload: string }>(
    "SELECT payload FROM paddock.inbox",
  );
  const names = captured.flatMap(({ payload }) => [...payload.matchAll(/imported (thing \d+)/g)]);
  assert.equal(new Set(names.map(([, name]) => name)).size, 25);
});

Deno.test("pg: parameters, transactions, errors, pools, refusals", async () => {
  await using target = await createTestDatabase();
  const answer = await answerOf(
    `import { Client, Pool } from 'pg'`,
    `const { url } = meta.config
     const client = new Client({ connectionString: url })
     await client.connect()
     await client.query('CREATE TABLE t (n int PRIMARY KEY)')
     await client.query('BEGIN')
     await client.query('INSERT INTO t VALUES ($1)', [1])
     await client.query('ROLLBACK')
     await client.query('INSERT INTO t SELECT generate_series(1, $1::int)', [20000])
     const { rows } = await client.query('SELECT n FROM t ORDER BY n')
     const duplicate = await client.query('INSERT INTO t VALUES (1)').catch((error) => error.code)
     await client.end()
     const pool = new Pool({ connectionString: url, max: 3 })
     const counts = await Promise.all([1, 2, 3, 4, 5].map(() => pool.query('SELECT count(*)::int FROM t')))
     await pool.end()
     const away = new URL(url); away.port = '1'
     const refused = await new Client({ connectionString: away.href }).connect().catch((error) => error)
     const named = new URL(url); named.hostname = 'localhost'
     const byName = await new Client({ connectionString: named.href }).connect().catch((error) => error)
     const tls = await new Client({ connectionString: url, ssl: { rejectUnauthorized: false } }).connect().catch((error) => error)
     return {
       rows: rows.length, last: rows.at(-1).n, duplicate, counts: counts.map(({ rows }) => rows[0].count),
       refused: [refused.code, refused.message], byName: byName.code, tls: tls.message,
     }`,
    { config: { url: target.url }, grants: [grantOf(target.url)] },
  ) as Record<string, unknown>;
  assert.deepEqual([answer.rows, answer.last, answer.duplicate], [20_000, 20_000, "23505"]);
  assert.deepEqual(answer.counts, Array(5).fill(20_000));
  assert.deepEqual(answer.refused, [
    "EACCES",
    "connect to 127.0.0.1:1 failed: it was not granted. " +
    "To allow it: paddock plugins grant 1 127.0.0.1:1",
  ]);
  assert.equal(answer.byName, "EACCES");
  assert.match(String(answer.tls), /does not support SSL/);
});
