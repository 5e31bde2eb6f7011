/**
 * The StatsD names of PostHog's plugin server 1.10: each is sent, or docs/observability.md says that
 * it is not. What is told to the sender here is told by a running server as well.
 */
import assert from "node:assert/strict";
import type { PluginRun } from "../../src/telemetry/observer.ts";
import { StatsD } from "../../src/telemetry/statsd.ts";
import { eventually } from "../services/eventually.ts";
import { startStatsDSink } from "./statsd_sink.ts";

const STATISTICS = [
  "average",
  "mean",
  "stddev",
  "min",
  "p99_99",
  "p99",
  "p95",
  "p90",
  "p75",
  "p50",
];

/** Name → its type. `X` stands for a plugin, a job, a schedule or a config. */
const CONTRACT: Readonly<Record<string, "ms" | "c" | "g">> = {
  "event_loop_lag": "ms",
  "query.postgres.total": "c",
  "query.postgres": "ms",
  "query.postgres_transation.total": "c",
  "query.postgres_transation": "ms",
  "query.clickhouse.total": "c",
  "query.clickhouse": "ms",
  ...Object.fromEntries(
    ["regisGet", "redisSet", "redisIncr", "redisExpire", "redisLPush", "redisLRange", "redisLLen"]
      .concat(["redisBRPop", "redisLRem", "redisLPop"])
      .flatMap((name) => [[`query.${name}.total`, "c"], [`query.${name}`, "ms"]]),
  ),
  "query.kafka_send.total": "c",
  "query.kafka_send": "ms",
  "query.kafka_send.failure": "c",
  "kafka_queue.each_event": "ms",
  "kafka_queue.each_batch": "ms",
  "kafka_queue.single_event": "ms",
  "kafka_queue.single_ingestion": "ms",
  "kafka_queue.single_on_event": "ms",
  "kafka_queue.single_on_snapshot": "ms",
  "kafka_queue.single_save.standard": "ms",
  "kafka_queue.single_save.snapshot": "ms",
  "action_matching_for_event": "ms",
  "action_matches_found": "c",
  "webhook_firings": "c",
  "rest_hook_firings": "c",
  "illegal_distinct_ids.total": "c",
  "events_added_to_dead_letter_queue": "c",
  "plugin.process_event": "ms",
  "plugin.X.process_event.ERROR": "c",
  "plugin.X.on_event": "ms",
  "plugin.X.on_event.ERROR": "c",
  "plugin.task.job.X.3.ERROR": "c",
  "plugin.task.schedule.runEveryMinute.3.ERROR": "c",
  "plugin.export_events.success": "ms",
  "plugin.export_events.retry_enqueued": "c",
  "plugin.export_events.retry_dropped": "c",
  "logs.entries_created": "c",
  "mmdb.internal_request": "ms",
  ...Object.fromEntries(
    ["onEvent", "onSnapshot", "processEvent", "runJob", "runEveryMinute", "runEveryHour"]
      .concat([
        "runEveryDay",
        "getPluginSchedule",
        "ingestEvent",
        "reloadPlugins",
        "reloadSchedule",
      ])
      .concat(["reloadAllActions", "reloadAction", "dropAction", "teardownPlugins"])
      .concat(["flushKafkaMessages", "sendPluginMetrics", "enqueueJob"])
      .map((task) => [`piscina_task.${task}`, "ms"]),
  ),
  "piscina.utilization": "g",
  "piscina.threads": "g",
  "piscina.queue_size": "g",
  ...Object.fromEntries(
    ["waitTime", "runTime"].flatMap((kind) =>
      STATISTICS.map((name) => [`piscina.${kind}.${name}`, "g"])
    ),
  ),
  "alerts.stale_plugin_server_restarted": "c",
};

const RUN: PluginRun = {
  ...{ pluginId: 1, plugin: "X", configId: 3, teamId: 2, task: "processEvent", job: null },
  ...{ events: 1, waitMs: 3, runMs: 40, failed: 1 },
};

/** Tells of everything that a server tells of. */
function tellAll(statsd: StatsD): void {
  statsd.lagged(1);
  statsd.queried("postgres", "fetchPerson", 1, false);
  statsd.queried("clickhouse", "query", 1, false);
  statsd.queried("kafka", "send", 1, true);
  // The commands of the plugins' cache and of the queue.
  const commands = ["get", "set", "incr", "expire", "lpush", "lrange", "llen", "lrem", "lpop"];
  for (const command of [...commands, "take", "recover", "release", "renew"]) {
    statsd.queried("redis", command, 1, false);
  }
  statsd.transacted(1);
  statsd.batchDone("queue", 1, 1);
  statsd.stored(100, 0, 5);
  statsd.stored(100, 1, 5);
  statsd.matched(0, 1);
  statsd.hookFired("webhook");
  statsd.hookFired("REST hook");
  for (const id of ["Anonymous", " ", "x".repeat(500)]) statsd.illegalDistinctId(id);
  statsd.deadLettered();
  for (const task of ["processEvent", "onEvent", "onSnapshot"]) statsd.pluginRan({ ...RUN, task });
  for (const task of ["runEveryMinute", "runEveryHour", "runEveryDay"]) {
    statsd.pluginRan({ ...RUN, task });
  }
  statsd.pluginRan({ ...RUN, task: "job", job: "X" });
  statsd.pluginRan({ ...RUN, task: "exportEvents", failed: 0 });
  const plugin = { pluginId: 1, plugin: "X", teamId: 2 };
  statsd.exported(plugin, "retry_errors");
  statsd.exported(plugin, "undelivered_events");
  statsd.logged({
    ...{ source: "CONSOLE", teamId: 2, pluginId: 1, pluginConfigId: 1, type: "LOG", message: "" },
  });
  statsd.located(100, 3);
  statsd.pool({ threads: 2, queueSize: 3 });
  statsd.stale();
}

/** What the table of names that are not sent has in its first column. */
async function namesNotSent(): Promise<Set<string>> {
  const text = await Deno.readTextFile(new URL("../../docs/observability.md", import.meta.url));
  const [, table = ""] = /\| not sent +\|[^\n]*\n\|[-| ]+\|\n((?:\|.*\n)+)/.exec(text) ?? [];
  const cells = table.split("\n").map((row) => row.split("|")[1] ?? "");
  return new Set(
    cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)),
  );
}

Deno.test("each name that dashboards know is sent, or is said not to be", async () => {
  await using sink = await startStatsDSink();
  const statsd = new StatsD({ host: "127.0.0.1", port: sink.port, prefix: "" });
  tellAll(statsd);
  await statsd.close();
  await eventually(() => sink.lines().some((line) => line.startsWith("alerts.")));
  const sent = new Map(
    sink.lines().map((line) => {
      const [, name = "", type = ""] = /^([^,:]+)[^|]*\|(\w+)/.exec(line) ?? [];
      return [name, type];
    }),
  );
  const notSent = await namesNotSent();
  assert.ok(notSent.size > 5, "the documented list was found");
  for (const [name, type] of Object.entries(CONTRACT)) {
    const isSaid = notSent.has(name);
    assert.notEqual(sent.has(name), isSaid, `${name} is sent or said not to be, not both`);
    if (!isSaid) assert.equal(sent.get(name), type, name);
  }
  const unknown = [...notSent].filter((name) => CONTRACT[name] === undefined);
  assert.deepEqual(unknown, [], "names that nobody looks for");
  const ids = sink.lines().filter((line) => line.startsWith("illegal_distinct_ids"));
  assert.deepEqual(
    ids.map((line) => /distinctId=([^:]+)/.exec(line)?.[1]).toSorted(),
    ["(empty)", "(too long)", "anonymous"],
  );
});
