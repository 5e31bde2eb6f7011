/**
 * What a slow team costs the others, and what waiting events cost the server.
 *
 *   deno task bench:fairness [--rounds=5] [--seconds=8] [--waiting=1000000]
 *
 * First: one team sends a steady 100 events a second, and each is timed from the queue to the commit
 * of its row, while another team sends 400 a second: through a quick plugin, through one that waits
 * 100 ms for each event, and through one that never answers; in turn, so that what else the machine
 * does meets all of them. The quick one is there twice: how far these two are apart is how much a
 * difference has to be to mean something. Percentiles are those of each round; the median of the
 * rounds is shown. Then: so many events wait in Redis, in Postgres, and parked for a slow plugin, and
 * the server's memory is watched. 0 leaves that out.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { RawEvent } from "../src/events/types.ts";
import { celeryEventItem } from "../src/sources/celery/producer.ts";
import { migrate } from "../src/stores/migrations/migrate.ts";
import { Database } from "../src/stores/postgres/database.ts";
import { createFirstProject, createProject } from "../src/stores/postgres/first_project.ts";
import { installServices } from "../tests/services/install.ts";
import { installPlugin } from "../tests/services/plugin_rows.ts";
import { startPostgres } from "../tests/services/postgres.ts";
import { startRedis } from "../tests/services/redis.ts";
import { type ServerProcess, startServerProcess } from "../tests/services/server_process.ts";
import { memoryMb } from "./load/process_usage.ts";
import { optionsOf } from "./options.ts";

const QUEUE = "posthog-plugins";
const TICK_MS = 50;
const STEADY_PER_TICK = 5;
const OTHER_PER_TICK = 20;
/** Of each measurement, at its beginning: plugins start and caches fill. */
const WARM_UP_MS = 3_000;

const PLUGINS: Readonly<Record<string, string>> = {
  "a quick plugin": "return event;",
  "a quick plugin, again": "return event;",
  "a plugin that takes 100 ms":
    "await new Promise((resolve) => setTimeout(resolve, 100)); return event;",
  "a plugin that hangs": "await new Promise(() => {}); return event;",
};

const values = optionsOf(import.meta.url, {
  rounds: { type: "string", default: "5" },
  seconds: { type: "string", default: "8" },
  waiting: { type: "string", default: "1000000" },
});
const directory = await Deno.makeTempDir({ prefix: "paddock-bench-" });
await Deno.chmod(directory, 0o755);
await installServices();
const postgres = await startPostgres({
  directory: `${directory}/postgres`,
  durable: true,
  settings: ["track_commit_timestamp=on", "max_wal_size=4GB"],
});
const redisServer = await startRedis({ directory: `${directory}/redis` });
const database = new Database({ connectionString: postgres.url, max: 5, applicationName: "bench" });
const redis = new Redis(redisServer.url);
const env = { DATABASE_URL: postgres.url, REDIS_URL: redisServer.url, BASE_DIR: directory };
try {
  await migrate(database);
  const project = await createFirstProject(database);
  if (project === null) throw new Error("the bench's database was not empty");
  const { teamId: otherTeam } = await createProject(database, project.organizationId, "Other");
  await installPlugin(database, {
    name: "Steady",
    source: "exports.processEvent = (event) => event",
    teamId: project.teamId,
  });
  const rounds = new Map<string, number[][]>(Object.keys(PLUGINS).map((name) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, body] of Object.entries(PLUGINS)) {
      const delays = await fairness(project.teamId, otherTeam, name, body);
      rounds.get(name)?.push(delays.toSorted(ascending));
    }
  }
  if (Number(values.rounds) > 0) showDelays(rounds);
  if (Number(values.waiting) > 0) await memory(Number(values.waiting), otherTeam);
} finally {
  redis.disconnect();
  await database.close();
  await redisServer.stop();
  await postgres.stop();
  await Deno.remove(directory, { recursive: true });
}

function ascending(one: number, other: number): number {
  return one - other;
}

/** @param rounds of each plugin: sorted delays in ms */
function showDelays(rounds: ReadonlyMap<string, readonly (readonly number[])[]>): void {
  console.log("beside                       median ms    p99 ms  of quick");
  let base = 0;
  for (const [name, each] of rounds) {
    const at = (share: number) => {
      const values = each.map((sorted) => sorted[Math.floor(sorted.length * share)] ?? NaN);
      return values.toSorted(ascending)[values.length >> 1] ?? NaN;
    };
    base ||= at(0.99);
    const cells = [at(0.5), at(0.99), at(0.99) / base].map((cell) => cell.toFixed(2).padStart(10));
    const events = each.reduce((sum, { length }) => sum + length, 0);
    console.log(`${name.padEnd(28)}${cells.join("")}   of ${events} events`);
  }
}

function event(teamId: number, number: number): RawEvent {
  return {
    teamId,
    distinctId: `visitor ${number % 500}`,
    ip: "127.0.0.1",
    siteUrl: "http://localhost",
    now: new Date().toISOString(),
    sentAt: null,
    data: {
      event: "$pageview",
      properties: { number, pushed: Date.now(), $current_url: "https://example.com/a/page" },
    },
    uuid: crypto.randomUUID(),
  };
}

async function fairness(
  steadyTeam: number,
  otherTeam: number,
  name: string,
  body: string,
): Promise<number[]> {
  const configId = await installPlugin(database, {
    name,
    source: `exports.processEvent = async (event) => { ${body} }`,
    teamId: otherTeam,
  });
  const server = await startServerProcess({ ...env, TASK_TIMEOUT: "5" });
  const [{ id: before } = { id: 0 }] = await database.query<{ id: number }>(
    "SELECT coalesce(max(id), 0) AS id FROM posthog_event",
  );
  const began = performance.now();
  let number = 0;
  for (let tick = 0; performance.now() - began < Number(values.seconds) * 1_000; tick++) {
    const teams = [
      ...Array<number>(OTHER_PER_TICK).fill(otherTeam),
      ...Array<number>(STEADY_PER_TICK).fill(steadyTeam),
    ];
    const items = teams.map((teamId) => celeryEventItem(QUEUE, event(teamId, number++)));
    await redis.lpush(QUEUE, ...items);
    await sleep(Math.max(0, began + (tick + 1) * TICK_MS - performance.now()));
  }
  await sleep(2_000);
  const rows = await database.query<{ ms: number }>(
    `SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000
       - (properties->>'pushed')::float8)::float8 AS ms
     FROM posthog_event WHERE team_id = $1 AND id > $2
       AND (properties->>'pushed')::float8 > $3`,
    [steadyTeam, before, performance.timeOrigin + began + WARM_UP_MS],
  );
  await server.kill();
  await redis.flushall();
  await database.query("DELETE FROM posthog_pluginlogentry WHERE plugin_config_id = $1", [
    configId,
  ]);
  await database.query("DELETE FROM posthog_pluginconfig WHERE id = $1", [configId]);
  await database.query("TRUNCATE paddock.parked");
  return rows.map(({ ms }) => ms);
}

/** Peak memory of the server while so many events wait, in each place where they can. */
async function memory(waiting: number, teamId: number): Promise<void> {
  const watch = async (what: string, seconds: number, isOver?: () => Promise<boolean>) => {
    const server: ServerProcess = await startServerProcess(env);
    const began = performance.now();
    while (performance.now() - began < seconds * 1_000 && !await isOver?.()) await sleep(500);
    const { now, peak } = await memoryMb(server.pid);
    const [{ parked } = { parked: 0 }] = await database.query<{ parked: number }>(
      "SELECT coalesce(sum(events), 0)::int AS parked FROM paddock.parked",
    );
    await server.kill();
    console.log(
      `${what}: ${Math.round(now)} MB resident after ${
        Math.round((performance.now() - began) / 1_000)
      } s, ${Math.round(peak)} MB at most; ${parked} events are parked`,
    );
  };
  await database.query(
    `INSERT INTO paddock.inbox (events, bytes, payload)
     SELECT 1, 400, jsonb_build_array(jsonb_build_object(
       'teamId', $1::int, 'distinctId', 'visitor ' || n % 500, 'ip', NULL, 'siteUrl', NULL,
       'now', '2021-10-28T12:00:00.000Z', 'sentAt', NULL, 'uuid', gen_random_uuid(),
       'data', jsonb_build_object('event', '$pageview', 'properties', jsonb_build_object('n', n))
     ))::text
     FROM generate_series(1, $2::int) AS n`,
    [teamId, waiting],
  );
  await watch(`${waiting} events wait in Postgres`, 20);
  await database.query("TRUNCATE paddock.inbox");
  for (let first = 0; first < waiting; first += 2_000) {
    const items = Array.from(
      { length: 2_000 },
      (_, index) => celeryEventItem(QUEUE, event(teamId, first + index)),
    );
    await redis.lpush(QUEUE, ...items);
  }
  await watch(`${waiting} events wait in Redis`, 20);
  await installPlugin(database, {
    name: "Slow",
    source: `exports.processEvent = async (event) => { ${PLUGINS["a plugin that takes 100 ms"]} }`,
    teamId,
  });
  await watch(
    "what is left of them, for a slow plugin",
    400,
    async () => await redis.llen(QUEUE) === 0,
  );
}
