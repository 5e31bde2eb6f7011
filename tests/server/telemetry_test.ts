/** A real server as its operators see it: Prometheus, StatsD, health. */
import assert from "node:assert/strict";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";
import { scrape } from "../telemetry/prometheus_text.ts";
import { startStatsDSink } from "../telemetry/statsd_sink.ts";

const SOURCE = `
  exports.processEvent = (event) => {
    if (event.properties.number % 10 === 0) throw new Error("every tenth");
    if (event.properties.number % 10 === 1) return null;
    return event;
  };
  exports.onEvent = () => {};`;

Deno.test("200 events are counted everywhere where an operator looks", async () => {
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  await using sink = await startStatsDSink();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  await installPlugin(database, { name: "Tenth", source: SOURCE, teamId });
  const baseDir = await Deno.makeTempDir();
  const server = await startServerProcess({
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
    BASE_DIR: baseDir,
    STATSD_HOST: "127.0.0.1",
    STATSD_PORT: String(sink.port),
  });
  await pushEvents(
    queue.redis,
    queue.queue,
    Array.from({ length: 200 }, (_, number) => ({
      teamId,
      distinctId: `visitor ${number}`,
      ip: null,
      siteUrl: null,
      now: new Date().toISOString(),
      sentAt: null,
      data: { event: "e", properties: { number } },
      uuid: "",
    })),
  );
  await queue.redis.lpush(queue.queue, "this is no message");
  const source = `celery:${queue.queue}`;
  let of = await scrape(server.address);
  const value = (name: string, labels: Record<string, string> = {}) =>
    Number(
      of(name).find((sample) =>
        Object.entries(labels).every(([key, text]) => sample.labels?.[key] === text)
      )?.value ?? NaN,
    );
  await eventually(async () => {
    of = await scrape(server.address);
    return value("paddock_events_finished_total", { source }) === 201 &&
      value("paddock_plugin_events_total", { task: "onEvent" }) === 180;
  });
  assert.equal(value("paddock_events_received_total", { source }), 201);
  assert.equal(value("paddock_events_stored_total"), 180);
  assert.equal(value("paddock_events_dropped_total"), 20);
  assert.equal(value("paddock_dead_letters_total", { source }), 1);
  const plugin = { plugin: "Tenth", task: "processEvent" };
  assert.equal(value("paddock_plugin_events_total", plugin), 200);
  assert.equal(value("paddock_plugin_failures_total", plugin), 20);
  assert.equal(value("paddock_plugin_breaker_state", { plugin: "Tenth" }), 0);
  assert.equal(value("paddock_plugin_processes", { plugin: "Tenth" }), 1);
  assert.ok(value("paddock_plugin_memory_bytes", { plugin: "Tenth" }) > 1e7);
  assert.ok(value("paddock_memory_bytes", { kind: "resident" }) > 1e7);
  assert.equal(value("paddock_part_well", { part: "store" }), 1);
  assert.equal(value("paddock_source_waiting", { source }), 0);
  assert.equal(value("paddock_jobs", { state: "waiting" }), 0);
  assert.ok(value("paddock_database_connections", { state: "open" }) > 0);
  const [run] = of("paddock_plugin_run_seconds_count").filter(({ labels }) =>
    labels?.task === plugin.task
  );
  assert.ok(Number(run?.value) >= 2, "frames of 100 at most");
  const inserts = of("paddock_query_seconds_count").find(({ labels }) =>
    labels?.tag === "createEventInsert"
  );
  assert.ok(Number(inserts?.value) >= 1);

  const ready = await (await fetch(`${server.address}/_ready`)).json();
  assert.equal(ready.ready, true);
  assert.ok(Date.parse(ready.parts.store.since) > 0);

  assert.equal(await server.stop(), 0, server.output());
  const lines = sink.lines();
  const has = (line: RegExp) => assert.ok(lines.some((each) => line.test(each)), String(line));
  has(/^plugin-server\.plugin\.process_event,plugin=Tenth,teamId=\d+:\d+\|ms$/);
  has(/^plugin-server\.plugin\.Tenth\.process_event\.ERROR:\d+\|c$/);
  has(/^plugin-server\.query\.postgres,queryTag=createEventInsert:\d+\|ms$/);
  has(/^plugin-server\.kafka_queue\.each_batch:\d+\|ms$/);
  has(/^plugin-server\.events_added_to_dead_letter_queue:1\|c$/);
  has(/^plugin-server\.event_loop_lag:\d+\|ms$/);
  await Deno.remove(baseDir, { recursive: true });
});
