/**
 * SIGKILL at random moments while plugins are told of stored events: every event that was taken is
 * exported, and every job that it asked for is run, at least once. `PADDOCK_FAULT_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { createFirstProject } from "../../src/stores/postgres/first_project.ts";
import { createTestDatabase } from "../services/database.ts";
import { startEndpoint } from "../services/export_endpoint.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { eventually } from "../services/plugin_server.ts";
import { seededRandom } from "../services/random.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";
import { rawEvent } from "../services/raw_event.ts";

const seed = Number(Deno.env.get("PADDOCK_FAULT_SEED") ?? Date.now() % 100_000);
const rounds = Number(Deno.env.get("PADDOCK_FAULT_ROUNDS") ?? 4);

/** Exported numbers are sent as they are, those of jobs with a million added. */
const PLUGIN = `
async function send(config, numbers) {
  let response
  try {
    response = await fetch(config.url, { method: "POST", body: JSON.stringify(numbers) })
    await response.text()
  } catch (error) {
    throw new RetryError("not reached: " + error.message)
  }
  if (!response.ok) throw new RetryError("status " + response.status)
}
exports.exportEvents = (events, { config }) =>
  send(config, events.map((event) => event.properties.number))
exports.onEvent = (event, { jobs }) =>
  jobs.tell({ number: event.properties.number }).runNow()
exports.jobs = {
  tell: ({ number }, { config }) => send(config, [1000000 + number])
}`;

Deno.test("killed while plugins are told of events: everything is exported, every job is run", async () => {
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  await using endpoint = await startEndpoint();
  endpoint.behave((request) =>
    request % 7 === 0 ? "fail" : request % 11 === 0 ? "reset" : "accept"
  );
  const { database } = test;
  await migrate(database);
  const teamId = (await createFirstProject(database))?.teamId as number;
  const configId = await installPlugin(database, {
    name: "Teller",
    source: PLUGIN,
    teamId,
    config: { url: `http://127.0.0.1:${endpoint.port}/`, exportEventsBufferSeconds: "1" },
  });
  await database.query(
    `INSERT INTO paddock.plugin_grant (plugin_id, host)
     SELECT plugin_id, $2 FROM posthog_pluginconfig WHERE id = $1`,
    [configId, `127.0.0.1:${endpoint.port}`],
  );
  const baseDir = await Deno.makeTempDir();
  const env = {
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
    CELERY_LEASE_SECONDS: "5",
    SCHEDULE_LOCK_TTL: "2",
    JOB_RETRY_SECONDS: "0.2",
    EXPORT_RETRY_SECONDS: "0.2",
    BASE_DIR: baseDir,
  };
  const perRound = 200;
  let pushed = 0;
  for (let round = 0; round < rounds; round++) {
    await pushEvents(
      queue.redis,
      queue.queue,
      Array.from(
        { length: perRound },
        (_, index) =>
          rawEvent(teamId, `visitor ${index}`, {
            event: "told",
            properties: { number: pushed + index },
          }),
      ),
    );
    pushed += perRound;
    const server = await startServerProcess(env);
    await sleep(300 + random() * 1_500);
    await server.kill();
  }
  const server = await startServerProcess(env);
  const missing = () => {
    const seen = endpoint.numbers();
    const numbers = [...Array(pushed).keys()];
    return {
      exports: numbers.filter((number) => !seen.has(number)).length,
      jobs: numbers.filter((number) => !seen.has(1_000_000 + number)).length,
    };
  };
  await eventually(
    () => missing().exports + missing().jobs === 0,
    () => `${JSON.stringify(missing())}\n${server.output().slice(-5_000)}`,
    60_000,
  );
  assert.equal(await server.stop(), 0, server.output());
  const left = await database.query(
    "SELECT FROM paddock_jobs._private_jobs WHERE attempts >= max_attempts",
  );
  assert.equal(left.length, 0, "no job is dead");
  await Deno.remove(baseDir, { recursive: true });
});
