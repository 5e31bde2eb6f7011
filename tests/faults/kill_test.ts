/**
 * SIGKILL at random moments under load. Every event that was accepted is stored once, whatever died.
 * `PADDOCK_FAULT_SEED` repeats a run, `PADDOCK_FAULT_ROUNDS` makes it longer.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { recordStorage } from "../../src/config/storage_choice.ts";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { Database, isTransient } from "../../src/stores/postgres/database.ts";
import { createFirstProject } from "../../src/stores/postgres/first_project.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/plugin_server.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { seededRandom } from "../services/random.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import {
  childrenOf,
  killProcess,
  type ServerProcess,
  startServerProcess,
} from "../services/server_process.ts";
import { rawEvent } from "../services/raw_event.ts";

const seed = Number(Deno.env.get("PADDOCK_FAULT_SEED") ?? Date.now() % 100_000);
const rounds = Number(Deno.env.get("PADDOCK_FAULT_ROUNDS") ?? 4);
/** Long enough for every lease and timeout; if all is well nobody waits for it. */
const PATIENCE_MS = 120_000;

const PLUGIN = `exports.processEvent = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  event.properties.plugged = true;
  return event;
}`;

/** How often each number was stored, and whether the plugin saw it. */
async function storedNumbers(database: Database): Promise<Map<number, number>> {
  const rows = await database.query<{ number: number; times: number }>(
    `SELECT (properties->>'number')::int AS number, count(*)::int AS times
     FROM posthog_event WHERE properties ? 'number' GROUP BY 1`,
  );
  return new Map(rows.map(({ number, times }) => [number, times]));
}

/** Kills one of the server's plugin hosts, if there is one now. */
async function killHost(server: ServerProcess, random: () => number): Promise<void> {
  const children = await childrenOf(server.pid);
  const victim = children[Math.floor(random() * children.length)];
  if (victim !== undefined) killProcess(victim);
}

Deno.test("killed while it empties Redis: every message becomes one row", async () => {
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  const { database } = test;
  await migrate(database);
  const teamId = (await createFirstProject(database))?.teamId as number;
  await installPlugin(database, { name: "Plugged", source: PLUGIN, teamId });
  const baseDir = await Deno.makeTempDir();
  const env = {
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
    CELERY_LEASE_SECONDS: "5",
    BASE_DIR: baseDir,
  };
  const perRound = 2_000;
  let pushed = 0;
  for (let round = 0; round < rounds; round++) {
    const events = Array.from(
      { length: perRound },
      (_, index) => (rawEvent(teamId, `visitor ${(pushed + index) % 300}`, {
        event: "$pageview",
        properties: { number: pushed + index, $current_url: `https://a/${index}` },
      })),
    );
    await pushEvents(queue.redis, queue.queue, events);
    pushed += perRound;
    const server = await startServerProcess(env);
    await sleep(random() * 400);
    if (random() < 0.5) await killHost(server, random);
    await sleep(random() * 300);
    await server.kill();
  }
  const server = await startServerProcess(env);
  await eventually(
    async () => (await storedNumbers(database)).size >= pushed,
    server.output,
    PATIENCE_MS,
  );
  assert.equal(await server.stop(), 0);
  const stored = await storedNumbers(database);
  const lost = Array.from({ length: pushed }, (_, number) => number).filter((n) => !stored.has(n));
  const repeated = [...stored].filter(([, times]) => times !== 1);
  assert.deepEqual({ lost, repeated }, { lost: [], repeated: [] });
  const people = await database.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM posthog_persondistinctid",
  );
  assert.equal(people[0]?.count, 300);
  assert.deepEqual(await queue.redis.keys(`${queue.queue}*`), []);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("server, Postgres and hosts killed under requests: what was answered is stored once", async () => {
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const baseDir = await Deno.makeTempDir();
  await Deno.chmod(baseDir, 0o755);
  const env = { BASE_DIR: baseDir, CELERY_LEASE_SECONDS: "5" };
  // As if decided before, so that what else runs on this machine does not matter.
  await recordStorage(baseDir, "embedded");
  let server = await startServerProcess(env);
  const apiKeyOf = (output: string) => /API key: (phc_\w+)/.exec(output)?.[1];
  await eventually(() => apiKeyOf(server.output()) !== undefined, () => server.output());
  const apiKey = apiKeyOf(server.output());
  const open = async () => {
    const cluster = `${baseDir}/.paddock/postgres`;
    const password = await Deno.readTextFile(`${cluster}/password`);
    const lines = (await Deno.readTextFile(`${cluster}/data/postmaster.pid`)).split("\n");
    return {
      database: new Database({
        connectionString: `postgres://postgres:${password}@127.0.0.1:${lines[3]}/postgres`,
        max: 2,
        applicationName: "test",
        timeoutMs: PATIENCE_MS,
      }),
    };
  };
  /** If it runs now: the server may be starting it again. */
  const killPostgres = async () => {
    const file = `${baseDir}/.paddock/postgres/data/postmaster.pid`;
    const pid = parseInt(await Deno.readTextFile(file).catch(() => ""));
    if (pid > 0) killProcess(pid);
  };
  const first = await open();
  await installPlugin(first.database, { name: "Plugged", source: PLUGIN, teamId: 1 });
  await first.database.query("NOTIFY paddock_reload_plugins");
  await first.database.close();

  const answered = new Set<number>();
  const sent = new Map<number, string>();
  let next = 0;
  let posting = true;
  const post = async (number: number) => {
    const uuid = sent.get(number) ?? crypto.randomUUID();
    sent.set(number, uuid);
    try {
      const response = await fetch(`${server.address}/e/`, {
        method: "POST",
        body: JSON.stringify({
          api_key: apiKey,
          event: "posted",
          distinct_id: `visitor ${number % 50}`,
          uuid,
          properties: { number },
        }),
        signal: AbortSignal.timeout(5_000),
      });
      await response.body?.cancel();
      if (response.status === 200) answered.add(number);
    } catch {
      // The server died under it: 0 or 1 times.
    }
  };
  const clients = Array.from({ length: 4 }, async () => {
    while (posting) {
      const number = next++;
      await post(number);
      // As a client library does: once more with the same uuid when it heard nothing, or in doubt.
      if (!answered.has(number) || number % 10 === 0) {
        await sleep(50);
        await post(number);
      }
    }
  });
  for (let round = 0; round < rounds; round++) {
    await sleep(300 + random() * 700);
    const choice = Math.floor(random() * 3);
    if (choice === 0) await killHost(server, random);
    if (choice === 1) await killPostgres();
    if (choice === 2 || round === rounds - 1) {
      await server.kill();
      server = await startServerProcess(env);
    }
    await sleep(500);
  }
  posting = false;
  await Promise.all(clients);
  // What no server holds any more is taken over when the leases have expired.
  let stored = new Map<number, number>();
  await eventually(
    async () => {
      try {
        // Where it is now: Postgres may have been started again meanwhile.
        const { database } = await open();
        stored = await storedNumbers(database).finally(() => database.close());
      } catch (error) {
        if (!isTransient(error) && !(error instanceof Deno.errors.NotFound)) throw error;
      }
      return [...answered].every((number) => stored.has(number));
    },
    () => server.output(),
    PATIENCE_MS,
  );
  assert.equal(await server.stop(), 0, server.output());
  const lost = [...answered].filter((number) => !stored.has(number));
  const repeated = [...stored].filter(([, times]) => times !== 1);
  assert.deepEqual({ lost, repeated }, { lost: [], repeated: [] });
  assert.ok(answered.size > 50, `${answered.size} requests were answered`);
  await Deno.remove(baseDir, { recursive: true });
});
