/** `posthog.capture`, through the real server. */
import assert from "node:assert/strict";
import { pushEvents } from "../../../src/sources/celery/producer.ts";
import { createTestDatabase } from "../../services/database.ts";
import { eventually } from "../../services/eventually.ts";
import { prepareDatabase } from "../../services/pipeline.ts";
import { installPlugin } from "../../services/plugin_rows.ts";
import { createTestQueue } from "../../services/redis_queue.ts";
import { startServerProcess } from "../../services/server_process.ts";
import { rawEvent } from "../../services/raw_event.ts";

interface Row {
  readonly event: string;
  readonly distinct_id: string;
  readonly properties: Record<string, unknown>;
  readonly timestamp: Date;
}

async function withPlugin(
  source: string,
  run: (parts: {
    push(count: number): Promise<void>;
    rows(): Promise<Row[]>;
    log(): Promise<string>;
    kill(): Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  await installPlugin(database, { name: "Capturing", source, teamId });
  const baseDir = await Deno.makeTempDir();
  const start = () =>
    startServerProcess({
      DATABASE_URL: test.url,
      REDIS_URL: queue.url,
      PLUGINS_CELERY_QUEUE: queue.queue,
      BASE_DIR: baseDir,
      CELERY_LEASE_SECONDS: "5",
    });
  let server = await start();
  await run({
    push: (count) =>
      pushEvents(
        queue.redis,
        queue.queue,
        Array.from({ length: count }, (_, number) =>
          rawEvent(teamId, `visitor ${number}`, { event: "given", properties: { number } })),
      ),
    rows: () =>
      database.query<Row>(
        "SELECT event, distinct_id, properties, timestamp FROM posthog_event ORDER BY id",
      ),
    log: async () => {
      const lines = await database.query<{ message: string }>(
        "SELECT message FROM posthog_pluginlogentry ORDER BY timestamp",
      );
      return lines.map(({ message }) => message).join("\n");
    },
    kill: async () => {
      await server.kill();
      server = await start();
    },
  });
  assert.equal(await server.stop(), 0, server.output());
  await Deno.remove(baseDir, { recursive: true });
}

Deno.test("a captured event has its defaults, and goes through the plugins as any other [5.capture]", async () => {
  await withPlugin(
    `exports.processEvent = async (event) => {
      event.properties.seen = true;
      if (event.event === "given") {
        posthog.capture("derived", { number: event.properties.number });
        await posthog.capture("other", {
          distinct_id: "somebody",
          timestamp: "2021-05-06T07:08:09.000Z",
          $lib: "mine",
        });
      }
      return event;
    }`,
    async ({ push, rows }) => {
      await push(3);
      await eventually(async () => (await rows()).length === 9);
      const stored = await rows();
      const derived = stored.filter(({ event }) => event === "derived");
      assert.deepEqual(derived.map(({ properties }) => properties.number).toSorted(), [0, 1, 2]);
      for (const { distinct_id, properties } of derived) {
        assert.equal(distinct_id, "Capturing");
        assert.equal(properties.distinct_id, "Capturing");
        assert.equal(properties.$lib, "posthog-plugin-server");
        assert.match(String(properties.$lib_version), /^\d+\.\d+\.\d+$/);
        assert.equal(properties.seen, true);
      }
      for (const other of stored.filter(({ event }) => event === "other")) {
        assert.equal(other.distinct_id, "somebody");
        assert.equal(other.properties.$lib, "mine");
        assert.equal(other.timestamp.toISOString(), "2021-05-06T07:08:09.000Z");
      }
    },
  );
});

Deno.test("a plugin that captures for what it captured is cut off, and its log says so", async () => {
  await withPlugin(
    `exports.processEvent = (event) => { posthog.capture("again"); return event }`,
    async ({ push, rows, log }) => {
      await push(1);
      await eventually(async () => (await rows()).length === 11);
      await eventually(async () => /10 captures led to it/.test(await log()));
      assert.equal((await rows()).length, 11);
    },
  );
});

Deno.test("what cannot be captured is an error for the plugin", async () => {
  await withPlugin(
    `exports.processEvent = async (event) => {
      event.properties.errors = [];
      for (const name of [undefined, "", 5, "x".repeat(300), {}]) {
        try { await posthog.capture(name) } catch (error) { event.properties.errors.push(error.message) }
      }
      try { await posthog.capture("cyclic", (() => { const o = {}; o.o = o; return o })()) }
      catch (error) { event.properties.errors.push(error.message) }
      return event;
    }`,
    async ({ push, rows }) => {
      await push(1);
      await eventually(async () => (await rows()).length === 1);
      const errors = (await rows())[0]?.properties.errors as string[];
      assert.equal(errors.length, 6);
      assert.match(errors[0] ?? "", /an event's name is a text/);
      assert.match(errors[5] ?? "", /circular/i);
    },
  );
});

Deno.test("a server killed under captures captures each once", async () => {
  await withPlugin(
    `exports.processEvent = async (event) => {
      if (event.event !== "given") return event;
      posthog.capture("derived", { number: event.properties.number });
      await new Promise((resolve) => setTimeout(resolve, 2));
      return event;
    }`,
    async ({ push, rows, kill }) => {
      await push(400);
      await eventually(async () => (await rows()).length > 40);
      await kill();
      await eventually(async () => (await rows()).length >= 800);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const numbers = (name: string, stored: Row[]) =>
        stored.filter(({ event }) => event === name).map(({ properties }) =>
          properties.number as number
        ).toSorted((a, b) => a - b);
      const stored = await rows();
      const all = Array.from({ length: 400 }, (_, number) => number);
      assert.deepEqual(numbers("given", stored), all);
      assert.deepEqual(numbers("derived", stored), all);
    },
  );
});
