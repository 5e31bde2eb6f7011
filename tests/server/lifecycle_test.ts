/** The server started and stopped as an operator does it. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { RawEvent } from "../../src/events/types.ts";
import { parseMessage } from "../../src/sources/celery/message.ts";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { createTestDatabase, type TestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { createTestQueue, type TestQueue } from "../services/redis_queue.ts";
import { type ServerProcess, startServerProcess } from "../services/server_process.ts";
import { rawEvent } from "../services/raw_event.ts";

interface Deployment extends AsyncDisposable {
  readonly test: TestDatabase;
  readonly queue: TestQueue;
  readonly teamId: number;
  start(env?: Record<string, string>): Promise<ServerProcess>;
  push(first: number, count: number): Promise<void>;
  /** Numbers of the events that are stored, in the order of their rows. */
  stored(): Promise<number[]>;
  /** Numbers of the events that wait in Redis, oldest first. */
  waiting(): Promise<number[]>;
  /** Numbers of those that are kept in Postgres because their team's lane was full, oldest first. */
  parked(): Promise<number[]>;
}

async function deployment(): Promise<Deployment> {
  const test = await createTestDatabase();
  const queue = await createTestQueue();
  const teamId = await prepareDatabase(test.database);
  const baseDir = await Deno.makeTempDir();
  return {
    test,
    queue,
    teamId,
    start: (env = {}) =>
      startServerProcess({
        DATABASE_URL: test.url,
        REDIS_URL: queue.url,
        PLUGINS_CELERY_QUEUE: queue.queue,
        BASE_DIR: baseDir,
        ...env,
      }),
    push: (first, count) =>
      pushEvents(
        queue.redis,
        queue.queue,
        Array.from({ length: count }, (_, index) =>
          rawEvent(teamId, "one visitor", { event: "e", properties: { number: first + index } })),
      ),
    async stored() {
      const rows = await test.database.query<{ number: number }>(
        "SELECT (properties->>'number')::int AS number FROM posthog_event ORDER BY id",
      );
      return rows.map(({ number }) => number);
    },
    async waiting() {
      const items = await queue.redis.lrange(queue.queue, 0, -1);
      return items.reverse().map((text) => {
        const item = parseMessage(text);
        assert.equal(item.kind, "event");
        const properties = item.kind === "event" ? item.event.data.properties : null;
        return (properties as { number: number }).number;
      });
    },
    async parked() {
      const rows = await test.database.query<{ payload: string }>(
        "SELECT payload FROM paddock.parked ORDER BY id",
      );
      return rows.flatMap(({ payload }) =>
        (JSON.parse(payload) as RawEvent[]).map(({ data }) =>
          (data.properties as { number: number }).number
        )
      );
    },
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
      await Deno.remove(baseDir, { recursive: true });
    },
  };
}

const ascending = (one: number, other: number) => one - other;

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => from + index);

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let wait = 0; wait < 300; wait++) {
    if (await condition()) return;
    await sleep(50);
  }
  assert.fail(what);
}

const SLOW = `exports.processEvent = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return event;
}
exports.teardownPlugin = () => console.log("torn down")`;

Deno.test("a server in order of one person's events, with its keys for PostHog's application", async () => {
  await using deployed = await deployment();
  await deployed.push(0, 500);
  const server = await deployed.start();
  await deployed.push(500, 500);
  await until(async () => (await deployed.stored()).length === 1_000, server.output());
  assert.deepEqual(await deployed.stored(), range(0, 1_000));
  const { redis } = deployed.queue;
  const ping = await redis.get("@posthog-plugin-server/ping");
  assert.ok(Math.abs(Date.parse(ping ?? "") - Date.now()) < 20_000);
  assert.equal(await redis.get("@posthog-plugin-server/enabled-job-queues"), '"graphile"');
  assert.equal(await server.stop(), 0);
  assert.match(server.output(), /stopped: 1000 events stored/);
});

Deno.test("a stop finishes what it can and gives the rest back, in order", async () => {
  await using deployed = await deployment();
  await installPlugin(deployed.test.database, {
    name: "Slow",
    source: SLOW,
    teamId: deployed.teamId,
  });
  await deployed.push(0, 3_000);
  const server = await deployed.start({
    SHUTDOWN_TIMEOUT_SECONDS: "1",
    PIPELINE_MAX_EVENTS: "1000",
  });
  await until(async () => (await deployed.stored()).length > 0, server.output());
  assert.equal(await server.stop(), 0);
  const stored = await deployed.stored();
  const [waiting, parked] = [await deployed.waiting(), await deployed.parked()];
  assert.ok(stored.length > 0 && waiting.length + parked.length > 0);
  // Every one is in one place, and each place is in order. Only a row of parked events that was begun
  // may stand in the way of that: it stays whole, and what is stored of it is known by its uuid.
  assert.deepEqual(stored, range(0, stored.length));
  const unbegun = parked.filter((number) => number >= stored.length);
  for (const numbers of [waiting, parked]) assert.deepEqual(numbers, numbers.toSorted(ascending));
  assert.deepEqual([...stored, ...waiting, ...unbegun].toSorted(ascending), range(0, 3_000));
  assert.deepEqual(
    (await deployed.queue.redis.keys(`${deployed.queue.queue}:*`)).length,
    0,
    "nothing is leased any more",
  );
  const log = await deployed.test.database.query(
    "SELECT 1 FROM posthog_pluginlogentry WHERE message = 'torn down'",
  );
  assert.equal(log.length, 1);
});

Deno.test("a second signal hurries a stop that waits for a plugin", async () => {
  await using deployed = await deployment();
  const source = "exports.processEvent = () => new Promise(() => {})";
  await installPlugin(deployed.test.database, { name: "Stuck", source, teamId: deployed.teamId });
  await deployed.push(0, 10);
  const server = await deployed.start({ SHUTDOWN_TIMEOUT_SECONDS: "600", TASK_TIMEOUT: "600" });
  await until(async () => (await deployed.waiting()).length === 0, "the events were taken");
  Deno.kill(server.pid, "SIGTERM");
  await until(() => Promise.resolve(/a second signal hurries/.test(server.output())), "it stops");
  await sleep(200);
  assert.equal(await server.stop(), 0);
  assert.deepEqual(await deployed.waiting(), range(0, 10));
});

Deno.test("a third signal ends it at once", async () => {
  await using deployed = await deployment();
  const source =
    "exports.teardownPlugin = () => new Promise(() => {}); exports.processEvent = (e) => e";
  await installPlugin(deployed.test.database, {
    name: "Clinging",
    source,
    teamId: deployed.teamId,
  });
  await deployed.push(0, 1);
  const server = await deployed.start({ TASK_TIMEOUT: "600" });
  await until(async () => (await deployed.stored()).length === 1, server.output());
  Deno.kill(server.pid, "SIGTERM");
  await sleep(200);
  Deno.kill(server.pid, "SIGTERM");
  await sleep(200);
  assert.equal(await server.stop(), 1);
});

Deno.test("messages that are none cost nothing and are found again", async () => {
  await using deployed = await deployment();
  const { queue, test } = deployed;
  const server = await deployed.start();
  await queue.redis.lpush(
    queue.queue,
    "{ not json",
    "[]",
    '{"body":"e30=","headers":{"task":"x"}}',
  );
  await deployed.push(0, 5);
  await until(async () => (await deployed.stored()).length === 5, server.output());
  const letters = () =>
    test.database.query<{ code: string; payload: string }>(
      "SELECT code, payload FROM paddock.dead_letter ORDER BY id",
    );
  await until(async () => (await letters()).length === 3, "the dead letters");
  assert.equal((await letters())[0]?.payload, "{ not json");
  assert.equal(await server.stop(), 0);
});

Deno.test("a plugin is installed, changed and disabled while events flow", async () => {
  await using deployed = await deployment();
  const { database } = deployed.test;
  const server = await deployed.start();
  const properties = async (number: number) => {
    await deployed.push(number, 1);
    await until(async () => (await deployed.stored()).includes(number), server.output());
    const [row] = await database.query<{ properties: Record<string, unknown> }>(
      "SELECT properties FROM posthog_event WHERE (properties->>'number')::int = $1",
      [number],
    );
    return row?.properties ?? {};
  };
  const settles = async (wanted: unknown, first: number) => {
    let number = first;
    await until(async () => (await properties(number++)).version === wanted, `version ${wanted}`);
  };
  assert.equal((await properties(0)).version, undefined);
  const id = await installPlugin(database, {
    name: "Versioned",
    source:
      "export const processEvent = (event: any) => { event.properties.version = 1; return event }",
    teamId: deployed.teamId,
  });
  // As PostHog's application says it.
  await deployed.queue.redis.publish("reload-plugins", "reload!");
  await settles(1, 100);
  await database.query(
    "UPDATE posthog_plugin SET source = replace(source, '= 1', '= 2'), updated_at = now()",
  );
  await database.query("NOTIFY paddock_reload_plugins");
  await settles(2, 200);
  await database.query("UPDATE posthog_pluginconfig SET enabled = false WHERE id = $1", [id]);
  await database.query("NOTIFY paddock_reload_plugins");
  await settles(undefined, 300);
  assert.equal(await server.stop(), 0);
});

Deno.test("a server that did nothing for too long ends, to be started again", async () => {
  await using deployed = await deployment();
  const server = await deployed.start({ STALENESS_RESTART_SECONDS: "1" });
  await eventually(() => /nothing was done for \d s/.test(server.output()));
  assert.equal(await server.ended(), 1, server.output());
});
