/** StatsD as PostHog's plugin server spoke it, against a real socket. */
import assert from "node:assert/strict";
import type { PluginRun } from "../../src/telemetry/observer.ts";
import { PoolTimes } from "../../src/telemetry/pool_times.ts";
import { StatsD } from "../../src/telemetry/statsd.ts";
import { eventually } from "../services/eventually.ts";
import { startStatsDSink } from "./statsd_sink.ts";

const RUN: PluginRun = {
  pluginId: 1,
  plugin: "My plugin: v1|x",
  configId: 3,
  teamId: 2,
  task: "processEvent",
  job: null,
  events: 100,
  waitMs: 3,
  runMs: 40.4,
  failed: 2,
};

Deno.test("names, tags and values are those that dashboards know", async () => {
  await using sink = await startStatsDSink();
  const statsd = new StatsD({ host: "127.0.0.1", port: sink.port, prefix: "plugin-server." });
  statsd.queried("postgres", "fetchPerson", 2.6, false);
  statsd.queried("redis", "get", 1, false);
  statsd.transacted(12);
  statsd.pluginRan(RUN);
  statsd.pluginRan({ ...RUN, task: "onEvent", failed: 0 });
  statsd.pluginRan({ ...RUN, task: "exportEvents", failed: 0 });
  statsd.pluginRan({ ...RUN, task: "job", job: "remind me", failed: 1 });
  statsd.pluginRan({ ...RUN, task: "runEveryMinute", failed: 1 });
  statsd.logged({
    source: "CONSOLE",
    teamId: 2,
    pluginId: 1,
    pluginConfigId: 1,
    type: "LOG",
    message: "a line",
  });
  statsd.located(100, 3);
  statsd.exported({ pluginId: 1, plugin: "P", teamId: 2 }, "retry_errors");
  statsd.exported({ pluginId: 1, plugin: "P", teamId: 2 }, "undelivered_events");
  statsd.lagged(7);
  statsd.stale();
  await statsd.close();
  await eventually(() => sink.lines().some((line) => line.includes("alerts.")));
  const lines = sink.lines();
  for (
    const line of [
      "plugin-server.query.postgres.total,queryTag=fetchPerson:1|c",
      "plugin-server.query.postgres,queryTag=fetchPerson:3|ms",
      "plugin-server.query.regisGet:1|ms",
      "plugin-server.query.postgres_transation:12|ms",
      "plugin-server.plugin.process_event,plugin=My plugin_ v1_x,teamId=2:40|ms",
      "plugin-server.plugin.My_plugin_v1_x.process_event.ERROR:2|c",
      "plugin-server.plugin.My_plugin_v1_x.on_event:40|ms",
      "plugin-server.piscina_task.processEvent:40|ms",
      "plugin-server.piscina_task.runJob:40|ms",
      "plugin-server.plugin.task.job.remind_me.3.ERROR:1|c",
      "plugin-server.plugin.task.schedule.runEveryMinute.3.ERROR:1|c",
      "plugin-server.logs.entries_created,source=CONSOLE,team_id=2,plugin_id=1:1|c",
      "plugin-server.mmdb.internal_request:3|ms",
      "plugin-server.plugin.export_events.retry_enqueued,plugin=P,teamId=2:1|c",
      "plugin-server.plugin.export_events.retry_dropped,plugin=P,teamId=2:1|c",
      "plugin-server.event_loop_lag:7|ms",
      "plugin-server.alerts.stale_plugin_server_restarted:1|c",
    ]
  ) assert.ok(lines.includes(line), `${line} is not among\n${lines.join("\n")}`);
});

Deno.test("what is counted is sent as one number, by name and tags", async () => {
  await using sink = await startStatsDSink();
  const statsd = new StatsD({ host: "127.0.0.1", port: sink.port, prefix: "" });
  for (let count = 0; count < 500; count++) {
    statsd.queried("postgres", count % 2 === 0 ? "even" : "odd", 1, false);
  }
  // By itself, long before it ends.
  const sum = (tag: string) =>
    sink.lines().reduce((all, line) => {
      const [, value = 0] = new RegExp(`^query\\.postgres\\.total,queryTag=${tag}:(\\d+)\\|c$`)
        .exec(line) ?? [];
      return all + Number(value);
    }, 0);
  await eventually(() => sum("even") === 250 && sum("odd") === 250);
  const counts = sink.lines().filter((line) => line.endsWith("|c"));
  const times = sink.lines().filter((line) => line.endsWith("|ms"));
  assert.ok(counts.length < 100, `${counts.length} lines of counts`);
  assert.equal(times.length, 500, "every time is sent");
  await statsd.close();
});

Deno.test("times of a pool are of all it did, percentiles of the last ten minutes", () => {
  let now = 0;
  const times = new PoolTimes(() => now);
  assert.deepEqual(times.read(), {});
  for (let ms = 1; ms <= 1_000; ms++) times.add(ms);
  const near = (name: string, wanted: number) => {
    const value = times.read()[name] ?? NaN;
    assert.ok(Math.abs(value - wanted) <= wanted / 100, `${name} is ${value}, not ${wanted}`);
  };
  near("p50", 500);
  near("p99", 990);
  near("min", 1);
  near("mean", 500.5);
  near("stddev", 288.7);
  now += 700_000;
  times.add(2);
  near("p99_99", 2);
  near("mean", 500);
  assert.equal(times.sumMs, 500_502);
});

Deno.test("a StatsD that is not there costs nothing but a line in the log", async () => {
  const statsd = new StatsD({ host: "127.0.0.1", port: 9, prefix: "" });
  for (let count = 0; count < 1_000; count++) statsd.lagged(count);
  await statsd.close();
});
