/**
 * SIGKILL at random moments while plugins write to their logs: what a plugin said of an event that
 * was acknowledged, of one that it was told of, or in a job that is done, is in its log.
 * `PADDOCK_FAULT_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { createFirstProject } from "../../src/stores/postgres/first_project.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/plugin_server.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { seededRandom } from "../services/random.ts";
import { rawEvent } from "../services/raw_event.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";

const seed = Number(Deno.env.get("PADDOCK_FAULT_SEED") ?? Date.now() % 100_000);
const rounds = Number(Deno.env.get("PADDOCK_FAULT_ROUNDS") ?? 3);

/** Every third event is dropped, so that nothing but its log tells of it. */
const PLUGIN = `
exports.processEvent = (event) => {
  console.log("processed " + event.properties.number)
  return event.properties.number % 3 === 0 ? null : event
}
exports.onEvent = async (event, { jobs }) => {
  console.log("told " + event.properties.number)
  if (event.properties.number % 20 === 1) {
    await jobs.tell({ number: event.properties.number }).runNow()
  }
}
exports.jobs = { tell: ({ number }) => { console.log("ran " + number) } }`;

Deno.test("killed while plugins write to their logs: every line of what was done is there", async () => {
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  const { database } = test;
  await migrate(database);
  const teamId = (await createFirstProject(database))?.teamId as number;
  await installPlugin(database, { name: "Talker", source: PLUGIN, teamId });
  const baseDir = await Deno.makeTempDir();
  const env = {
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
    CELERY_LEASE_SECONDS: "5",
    SCHEDULE_LOCK_TTL: "2",
    PLUGIN_LOG_LINES_PER_SECOND: "100000",
    BASE_DIR: baseDir,
  };
  const perRound = 600;
  let pushed = 0;
  for (let round = 0; round < rounds; round++) {
    const first = pushed;
    await pushEvents(
      queue.redis,
      queue.queue,
      Array.from({ length: perRound }, (_, index) =>
        rawEvent(teamId, `visitor ${index % 50}`, {
          event: "said",
          properties: { number: first + index },
        })),
    );
    pushed += perRound;
    const server = await startServerProcess(env);
    await sleep(100 + random() * 900);
    await server.kill();
  }
  const numbers = [...Array(pushed).keys()];
  const kept = numbers.filter((number) => number % 3 !== 0);
  const missing = async () => {
    const rows = await database.query<{ message: string }>(
      "SELECT message FROM posthog_pluginlogentry WHERE source = 'CONSOLE'",
    );
    const said = new Set(rows.map(({ message }) => message));
    return {
      processed: numbers.filter((number) => !said.has(`processed ${number}`)).length,
      told: kept.filter((number) => !said.has(`told ${number}`)).length,
      ran: kept.filter((number) => number % 20 === 1 && !said.has(`ran ${number}`)).length,
    };
  };
  const server = await startServerProcess(env);
  let left = await missing();
  await eventually(
    async () => {
      left = await missing();
      return left.processed + left.told + left.ran === 0;
    },
    () => `${JSON.stringify(left)}\n${server.output().slice(-5_000)}`,
    60_000,
  );
  assert.equal(await server.stop(), 0, server.output());
  await Deno.remove(baseDir, { recursive: true });
});
