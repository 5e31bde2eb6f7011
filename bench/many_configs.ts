/**
 * What many configured plugins cost that are not in use: the server's start, and the memory of all of
 * its processes while a few of them work. The goals: ready in under 5 s, and under 600 MB with 20
 * plugins of two organizations at work.
 *
 *   deno task bench:configs [--plugins=200] [--teams=1000] [--active=20]
 *
 * Every plugin is enabled for every team of its organization; there are two organizations, each with
 * half of the teams and half of the plugins. A server ran before and had each plugin set up once;
 * `--unknown` leaves that out, so that each is run to learn what it exports. Exit code 1 where a goal
 * is missed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { celeryEventItem } from "../src/sources/celery/producer.ts";
import { migrate } from "../src/stores/migrations/migrate.ts";
import { Database } from "../src/stores/postgres/database.ts";
import { createFirstProject } from "../src/stores/postgres/first_project.ts";
import { installServices } from "../tests/services/install.ts";
import { startPostgres } from "../tests/services/postgres.ts";
import { startRedis } from "../tests/services/redis.ts";
import { childrenOf, startServerProcess } from "../tests/services/server_process.ts";
import { cpuSeconds, memoryMb } from "./load/process_usage.ts";
import { rawEvent } from "../tests/services/raw_event.ts";
import { optionsOf } from "./options.ts";

const QUEUE = "posthog-plugins";
const GOAL_START_S = 5;
const GOAL_MEMORY_MB = 600;
const PATIENCE_MS = 120_000;
const FIRST_RUN_MS = 600_000;

const values = optionsOf(import.meta.url, {
  plugins: { type: "string", default: "200" },
  teams: { type: "string", default: "1000" },
  active: { type: "string", default: "20" },
  unknown: { type: "boolean", default: false },
});
const PLUGINS = Number(values.plugins);
const TEAMS = Number(values.teams);
const ACTIVE = Number(values.active);

/** Copies the first organization and its team until there are two, with half of the teams each. */
const SECOND_ORGANIZATION = `
INSERT INTO posthog_organization SELECT (jsonb_populate_record(first, jsonb_build_object(
  'id', '00000000-0000-0000-0000-000000000002', 'name', 'Second', 'slug', 'second'))).*
FROM posthog_organization AS first`;
const OTHER_TEAMS = `
INSERT INTO posthog_team SELECT (jsonb_populate_record(first, jsonb_build_object(
  'id', first.id + serial, 'uuid', gen_random_uuid(), 'api_token', 'team ' || serial,
  'name', 'Team ' || serial,
  'organization_id', CASE serial % 2 WHEN 0 THEN first.organization_id::text
    ELSE '00000000-0000-0000-0000-000000000002' END))).*
FROM posthog_team AS first, generate_series(1, $1::int - 1) AS serial`;
/** A typical plugin: a few settings, some hundred lines. */
const PLUGIN_ROWS = `
INSERT INTO posthog_plugin (organization_id, plugin_type, is_global, is_preinstalled, name, source,
  config_schema, capabilities, from_json, from_web, created_at, updated_at)
SELECT organization.id, 'source', false, false, 'Plugin ' || organization.name || serial, $2,
  '[]', '{}', false, false, now(), now()
FROM posthog_organization AS organization, generate_series(1, $1::int / 2) AS serial`;
const CONFIG_ROWS = `
INSERT INTO posthog_pluginconfig (team_id, plugin_id, enabled, "order", config, created_at, updated_at)
SELECT team.id, plugin.id, true, row_number() OVER (PARTITION BY team.id ORDER BY plugin.id),
  jsonb_build_object('key', 'value ' || team.id, 'url', 'https://api.example.com/' || plugin.id),
  now(), now()
FROM posthog_plugin AS plugin JOIN posthog_team AS team USING (organization_id)`;

const SOURCE = `exports.setupPlugin = ({ global, config }) => { global.key = config.key };
exports.processEvent = (event, { global }) => {
  event.properties.keys = (event.properties.keys || 0) + 1;
  event.properties.key = global.key;
  return event;
};
${
  Array.from(
    { length: 200 },
    (_, line) => `function helper${line}(value) { return value + ${line} }`,
  ).join("\n")
}`;

const directory = await Deno.makeTempDir({ prefix: "paddock-bench-" });
await Deno.chmod(directory, 0o755);
await installServices();
const postgres = await startPostgres({ directory: `${directory}/postgres` });
const redisServer = await startRedis({ directory: `${directory}/redis` });
const SERVER = {
  DATABASE_URL: postgres.url,
  REDIS_URL: redisServer.url,
  BASE_DIR: directory,
};
const database = new Database({ connectionString: postgres.url, max: 2, applicationName: "bench" });
const redis = new Redis(redisServer.url);
let isWell = false;
try {
  isWell = await run();
} finally {
  redis.disconnect();
  await database.close();
  await redisServer.stop();
  await postgres.stop();
  await Deno.remove(directory, { recursive: true });
}
Deno.exit(isWell ? 0 : 1);

/** One team of each organization. */
async function prepare(): Promise<number[]> {
  await migrate(database);
  if (await createFirstProject(database) === null) throw new Error("the database was not empty");
  await database.query(SECOND_ORGANIZATION);
  await database.query(OTHER_TEAMS, [TEAMS]);
  await database.query(PLUGIN_ROWS, [PLUGINS, SOURCE]);
  await database.query(CONFIG_ROWS);
  const teams = await database.query<{ id: number }>(
    "SELECT min(id) AS id FROM posthog_team GROUP BY organization_id",
  );
  // Of each organization the first team has as many plugins as are to be at work; other teams have
  // all of them.
  await database.query(
    `DELETE FROM posthog_pluginconfig WHERE team_id = ANY ($1::int[]) AND "order" > $2`,
    [teams.map(({ id }) => id), ACTIVE / 2],
  );
  const [configs] = await database.query<{ count: number }>(
    "SELECT count(*)::int FROM posthog_pluginconfig",
  );
  console.log(`${PLUGINS} plugins, ${TEAMS} teams, ${configs?.count} configs enabled`);
  return teams.map(({ id }) => id);
}

/** The server before: it has each plugin set up, and knows what no plugin is to be told of. */
async function runOnce(): Promise<void> {
  const server = await startServerProcess(SERVER);
  const end = performance.now() + FIRST_RUN_MS;
  while (true) {
    const [row] = await database.query<{ count: number }>(
      `SELECT count(*)::int FROM paddock.plugin_working_version
       WHERE NOT EXISTS (SELECT FROM paddock.delivery_cursor)`,
    );
    if (row?.count === PLUGINS) break;
    if (performance.now() > end) throw new Error(`${row?.count} of ${PLUGINS} plugins were set up`);
    await sleep(500);
  }
  await server.stop();
}

async function run(): Promise<boolean> {
  const teams = await prepare();
  if (!values.unknown) await runOnce();
  const began = performance.now();
  const server = await startServerProcess(SERVER);
  try {
    const startS = (performance.now() - began) / 1000;
    const [idle, cpu] = await Promise.all([memoryMb(server.pid), cpuSeconds(server.pid)]);
    console.log(
      `ready after ${startS.toFixed(2)} s, of which it worked ${cpu.self.toFixed(2)} s; ` +
        `server ${idle.now.toFixed(0)} MB`,
    );
    const events = 200;
    await redis.lpush(
      QUEUE,
      ...teams.flatMap((teamId) =>
        Array.from(
          { length: events },
          (_, number) =>
            celeryEventItem(
              QUEUE,
              rawEvent(teamId, `visitor ${number % 50}`, {
                event: "$pageview",
                properties: { number },
              }),
            ),
        )
      ),
    );
    await stored(events * teams.length);
    const pids = await childrenOf(server.pid);
    const own = await memoryMb(server.pid);
    const plugins = await Promise.all(pids.map(privateMb));
    const all = own.now + plugins.reduce((sum, mb) => sum + mb, 0);
    const [seen] = await database.query<{ count: number }>(
      `SELECT count(*)::int FROM posthog_event WHERE (properties->>'keys')::int = $1`,
      [ACTIVE / 2],
    );
    console.log(
      `${seen?.count} of ${events * teams.length} events went through ${
        ACTIVE / 2
      } plugins each; ` +
        `${pids.length} processes; server ${own.now.toFixed(0)} MB (peak ${
          own.peak.toFixed(0)
        }), ` +
        `all together ${all.toFixed(0)} MB`,
    );
    const isProcessed = seen?.count === events * teams.length;
    if (!isProcessed) console.log("missed: events that some plugin did not see");
    if (startS > GOAL_START_S) console.log(`missed: ready in ${GOAL_START_S} s`);
    if (all > GOAL_MEMORY_MB) console.log(`missed: ${GOAL_MEMORY_MB} MB`);
    return isProcessed && startS <= GOAL_START_S && all <= GOAL_MEMORY_MB;
  } finally {
    await server.stop();
  }
}

async function stored(count: number): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (true) {
    const [row] = await database.query<{ count: number }>(
      "SELECT count(*)::int FROM posthog_event",
    );
    if (row?.count === count) return;
    if (performance.now() > end) throw new Error(`${row?.count} of ${count} events were stored`);
    await sleep(200);
  }
}

/** What a process has for itself, and its share of what it has together with others. */
async function privateMb(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/smaps_rollup`] })
    .output();
  return Number(/^Pss:\s+(\d+) kB/m.exec(new TextDecoder().decode(stdout))?.[1] ?? 0) / 1024;
}
