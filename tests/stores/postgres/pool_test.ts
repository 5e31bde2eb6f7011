/** Connections behind a network that swallows what is sent: neither end is told. */
import assert from "node:assert/strict";
import { createJobPool } from "../../../src/jobs/job_pool.ts";
import { createPool } from "../../../src/stores/postgres/pool.ts";
import { createTestDatabase } from "../../services/database.ts";
import { eventually } from "../../services/eventually.ts";
import { startTcpProxy } from "../../services/tcp_proxy.ts";

const TIMEOUT_MS = 300;

/** A wire to a database of its own, and that database's address behind it. */
async function withWire(
  work: (wire: Awaited<ReturnType<typeof startTcpProxy>>, url: string) => Promise<void>,
): Promise<void> {
  await using test = await createTestDatabase();
  const { hostname, port } = new URL(test.url);
  await using wire = await startTcpProxy({ host: hostname, port: Number(port) });
  const url = new URL(test.url);
  url.port = String(wire.port);
  await work(wire, url.href);
}

Deno.test("idle connections that went silent are found without being needed, and closed", async () => {
  await withWire(async (wire, connectionString) => {
    const pool = createPool({
      connectionString,
      max: 3,
      applicationName: "silent",
      timeoutMs: TIMEOUT_MS,
    });
    let lost = 0;
    pool.on("error", () => lost++);
    await Promise.all([1, 2, 3].map(() => pool.query("SELECT pg_sleep(0.05)")));
    assert.equal(pool.idleCount, 3);
    wire.cut();
    wire.mend(true);
    await eventually(() => pool.totalCount === 0);
    assert.equal(lost, 3);
    const { rows } = await pool.query("SELECT 1 AS one");
    assert.deepEqual(rows, [{ one: 1 }]);
    await pool.end();
  });
});

Deno.test("an idle connection that answers when it is asked stays", async () => {
  await using test = await createTestDatabase();
  const pool = createPool({
    connectionString: test.url,
    max: 1,
    applicationName: "asked",
    timeoutMs: 3_000,
  });
  const pid = async () => (await pool.query("SELECT pg_backend_pid() AS pid")).rows[0].pid;
  const before = await pid();
  await eventually(async () => {
    const [row] = await test.database.query<{ query: string }>(
      "SELECT query FROM pg_stat_activity WHERE pid = $1 AND state = 'idle'",
      [before],
    );
    return row?.query === "SELECT 1";
  });
  assert.equal(await pid(), before);
  await pool.end();
});

Deno.test("a job connection that did not answer is not handed out again, though it is given back", async () => {
  await withWire(async (wire, connectionString) => {
    const pool = createJobPool(connectionString, 1, TIMEOUT_MS);
    const first = await pool.connect();
    await first.query("SELECT 1");
    wire.cut();
    wire.mend(true);
    await assert.rejects(first.query("SELECT 1"), /timeout/);
    first.release();
    const second = await pool.connect();
    const { rows } = await second.query("SELECT 1 AS one");
    assert.deepEqual(rows, [{ one: 1 }]);
    second.release();
    await pool.end();
  });
});

Deno.test("a refused statement costs no job connection", async () => {
  await using test = await createTestDatabase();
  const pool = createJobPool(test.url, 1, TIMEOUT_MS);
  const pid = async () => (await pool.query("SELECT pg_backend_pid() AS pid")).rows[0].pid;
  const before = await pid();
  const client = await pool.connect();
  await assert.rejects(client.query("SELECT 1 / 0"), /division by zero/);
  client.release();
  assert.equal(await pid(), before);
  await pool.end();
});
