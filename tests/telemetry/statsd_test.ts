/** StatsD as PostHog's plugin server spoke it, against a real socket. */
import assert from "node:assert/strict";
import type { PluginRun } from "../../src/telemetry/observer.ts";
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

Deno.test("a StatsD that is not there costs nothing but a line in the log", async () => {
  const statsd = new StatsD({ host: "127.0.0.1", port: 9, prefix: "" });
  for (let count = 0; count < 1_000; count++) statsd.lagged(count);
  await statsd.close();
});
