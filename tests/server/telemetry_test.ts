/** A real server as its operators see it: Prometheus, StatsD, health. */
import assert from "node:assert/strict";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { createTestDatabase, type TestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { createTestQueue, type TestQueue } from "../services/redis_queue.ts";
import { type ServerProcess, startServerProcess } from "../services/server_process.ts";
import { startHttpSink } from "../telemetry/http_sink.ts";
import { attributeOf, otlpSettings, type OtlpSpan, spansOf } from "../telemetry/otlp_spans.ts";
import { scrape } from "../telemetry/prometheus_text.ts";
import { startStatsDSink } from "../telemetry/statsd_sink.ts";
import { rawEvent } from "../services/raw_event.ts";

const SOURCE = `
  exports.processEvent = (event) => {
    if (event.properties.number % 10 === 0) throw new Error("every tenth");
    if (event.properties.number % 10 === 1) return null;
    return event;
  };
  exports.onEvent = () => {};`;

interface Deployment extends AsyncDisposable {
  readonly test: TestDatabase;
  readonly queue: TestQueue;
  readonly teamId: number;
  /** Its server's source of events. */
  readonly source: string;
  start(env?: Record<string, string>): Promise<ServerProcess>;
  push(count: number): Promise<void>;
}

async function deployment(): Promise<Deployment> {
  const test = await createTestDatabase();
  const queue = await createTestQueue();
  const teamId = await prepareDatabase(test.database);
  await installPlugin(test.database, { name: "Tenth", source: SOURCE, teamId });
  const baseDir = await Deno.makeTempDir();
  return {
    test,
    queue,
    teamId,
    source: `celery:${queue.queue}`,
    start: (env = {}) =>
      startServerProcess({
        DATABASE_URL: test.url,
        REDIS_URL: queue.url,
        PLUGINS_CELERY_QUEUE: queue.queue,
        BASE_DIR: baseDir,
        ...env,
      }),
    push: (count) =>
      pushEvents(
        queue.redis,
        queue.queue,
        Array.from({ length: count }, (_, number) =>
          rawEvent(teamId, `visitor ${number}`, { event: "e", properties: { number } })),
      ),
    async [Symbol.asyncDispose]() {
      await Deno.remove(baseDir, { recursive: true });
      await queue[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}

Deno.test("200 events are counted everywhere where an operator looks", async () => {
  await using deployed = await deployment();
  const { queue, source } = deployed;
  await using sink = await startStatsDSink();
  const server = await deployed.start({
    STATSD_HOST: "127.0.0.1",
    STATSD_PORT: String(sink.port),
  });
  await deployed.push(200);
  await queue.redis.lpush(queue.queue, "this is no message");
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
  assert.equal(value("paddock_events_dropped_total", { source }), 20);
  assert.equal(value("paddock_dead_letters_total", { source }), 1);
  const plugin = { plugin: "Tenth", task: "processEvent" };
  assert.equal(value("paddock_plugin_events_total", plugin), 200);
  assert.equal(value("paddock_plugin_failures_total", plugin), 20);
  assert.equal(value("paddock_plugin_breaker_state", { plugin: "Tenth" }), 0);
  // A slow machine may have a second one started.
  assert.ok(value("paddock_plugin_processes", { plugin: "Tenth" }) >= 1);
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
  has(/^plugin-server\.query\.redisTake:\d+\|ms$/);
  has(/^plugin-server\.kafka_queue\.single_ingestion:\d+\|ms$/);
  has(/^plugin-server\.kafka_queue\.single_save\.standard:\d+\|ms$/);
  has(/^plugin-server\.event_loop_lag:\d+\|ms$/);
});

Deno.test("Sentry hears of warnings and errors, with part, team and uuid, and of nothing else", async () => {
  await using deployed = await deployment();
  await using sink = startHttpSink();
  const dsn = `http://public@127.0.0.1:${sink.port}/7`;
  const server = await deployed.start({ SENTRY_DSN: dsn });
  await deployed.queue.redis.lpush(deployed.queue.queue, "this is no message");
  await eventually(() => /dead letter from/.test(server.output()));
  assert.equal(await server.stop(), 0, server.output());
  const events = sink.received.flatMap(({ path, body }) => {
    assert.equal(path, "/api/7/envelope/");
    return body.split("\n").filter((line) => line.includes('"message"')).map((line) =>
      JSON.parse(line)
    );
  });
  const letter = events.find(({ message }) => /dead letter from/.test(message));
  assert.equal(letter.level, "warning");
  assert.equal(letter.tags.part, "pipeline");
  assert.ok("team" in letter.extra && "uuid" in letter.extra);
  assert.match(letter.release, /^paddock@\d/);
  assert.ok(events.every(({ level }) => level !== "info"));
  assert.doesNotMatch(server.output(), new RegExp(`public@127.0.0.1:${sink.port}`));
});

Deno.test("a DSN that is none is refused with the setting's name", async () => {
  await using deployed = await deployment();
  await assert.rejects(deployed.start({ SENTRY_DSN: "sentry please" }), /SENTRY_DSN/);
});

const ALL_HOOKS = `
  exports.setupPlugin = async () => {};
  exports.onEvent = (event, { jobs }) => jobs.later({}).runNow();
  exports.onSnapshot = () => {};
  exports.exportEvents = async () => {};
  exports.jobs = { later: () => {} };
  exports.teardownPlugin = () => {};`;

Deno.test("with OTEL_DENO, and Sentry besides, a batch is one trace, and every hook of a plugin has its span", async () => {
  await using deployed = await deployment();
  const { teamId, queue, test } = deployed;
  await installPlugin(test.database, { name: "All hooks", source: ALL_HOOKS, teamId, order: 2 });
  await using sink = startHttpSink();
  const server = await deployed.start({
    ...otlpSettings(sink),
    SENTRY_DSN: `http://public@127.0.0.1:${sink.port}/7`,
  });
  await deployed.push(50);
  await pushEvents(queue.redis, queue.queue, [
    rawEvent(teamId, "visitor", {
      event: "$snapshot",
      properties: { $session_id: "s", $snapshot_data: { data: "x" } },
    }),
  ]);
  const spans = () => spansOf(sink);
  const batches = () => spans().filter(({ name }) => name === "batch");
  const hooks = ["setupPlugin", "onEvent", "onSnapshot", "exportEvents", "job"];
  await eventually(() => {
    const names = new Set(spans().map(({ name }) => name));
    return batches().length > 0 && hooks.every((name) => names.has(name));
  });
  assert.equal(await server.stop(), 0, server.output());
  const within = batches().map(({ spanId, traceId }) =>
    spans().filter((span) => span.parentSpanId === spanId && span.traceId === traceId)
  );
  const traced = within.find((all) => all.some(({ name }) => name === "processEvent")) ?? [];
  assert.ok(traced.some(({ name }) => name === "write"), "no batch has both");
  const run = traced.find(({ name }) => name === "processEvent") as OtlpSpan;
  assert.equal(attributeOf(run, "plugin"), "Tenth");
  for (const name of [...hooks, "teardownPlugin"]) {
    const ofHook = spans().find((span) =>
      span.name === name && attributeOf(span, "plugin") === "All hooks"
    );
    assert.ok(ofHook, `no span of ${name}`);
    assert.ok(Number(attributeOf(ofHook, "config")) > 0, name);
    assert.equal(Number(attributeOf(ofHook, "team")), teamId, name);
    assert.equal(attributeOf(ofHook, "job"), name === "job" ? "later" : undefined);
    assert.ok(!ofHook.parentSpanId, `${name} is a trace of its own`);
  }
});

Deno.test("with CAPTURE_INTERNAL_METRICS what was processed is an event of the project for that", async () => {
  await using deployed = await deployment();
  await deployed.test.database.query(
    "UPDATE posthog_organization SET for_internal_metrics = true",
  );
  await installPlugin(deployed.test.database, {
    name: "Drops all metrics",
    source: `
      exports.processEvent = (event) => event.event.startsWith("$$") ? null : event;
      exports.onEvent = (event) => console.log("told of " + event.event);`,
    teamId: deployed.teamId,
    order: 2,
  });
  const first = await deployed.start({ CAPTURE_INTERNAL_METRICS: "1" });
  await deployed.push(30);
  const count = async (event: string) => {
    const rows = await deployed.test.database.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM posthog_event WHERE event = $1",
      [event],
    );
    return rows[0]?.count ?? 0;
  };
  await eventually(async () => await count("e") === 27);
  // What was not sent yet is sent when it stops, and stored by whoever runs next.
  assert.equal(await first.stop(), 0, first.output());
  const second = await deployed.start();
  await eventually(async () => await count("$$plugin_server_events_processed") > 0);
  assert.equal(await second.stop(), 0, second.output());
  const rows = await deployed.test.database.query<{ value: number; distinct_id: string }>(
    `SELECT (properties->>'value')::int AS value, distinct_id FROM posthog_event
     WHERE event = '$$plugin_server_events_processed'`,
  );
  assert.equal(rows.reduce((sum, { value }) => sum + value, 0), 30);
  assert.equal(rows[0]?.distinct_id, "plugin_server");
  const told = await deployed.test.database.query<{ message: string }>(
    "SELECT DISTINCT message FROM posthog_pluginlogentry WHERE message LIKE 'told of%'",
  );
  assert.deepEqual(told, [{ message: "told of e" }], "no plugin is told of it");
});
