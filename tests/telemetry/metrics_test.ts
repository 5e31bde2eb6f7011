/** The registry of numbers: text that Prometheus reads, the same as JSON, and bounded labels. */
import assert from "node:assert/strict";
import { Metrics } from "../../src/telemetry/metrics.ts";
import type { PluginRun } from "../../src/telemetry/observer.ts";
import { samplesOf } from "./prometheus_text.ts";

const RUN: PluginRun = {
  pluginId: 1,
  plugin: 'One "quoted" \\ plugin\nof two lines',
  configId: 3,
  teamId: 2,
  task: "processEvent",
  job: null,
  events: 100,
  waitMs: 3,
  runMs: 40,
  failed: 2,
};

Deno.test("what was observed is in the text, and in the snapshot", async () => {
  const metrics = new Metrics();
  metrics.pluginRan(RUN);
  metrics.pluginRan({ ...RUN, runMs: 60 });
  metrics.batchTaken("celery:posthog-plugins", 500, 1_500);
  metrics.deadLettered("celery:posthog-plugins", "PDK_EVENT_INVALID");
  let reading = 5;
  metrics.gauge("paddock_test", "A test.", () => [{ value: reading }]);
  const of = samplesOf((await metrics.text()).body);
  const [events] = of("paddock_plugin_events_total");
  assert.equal(events?.value, "200");
  assert.equal(events?.labels?.plugin_id, "1");
  assert.equal(of("paddock_plugin_failures_total")[0]?.value, "4");
  assert.equal(of("paddock_plugin_run_seconds_count")[0]?.value, "2");
  assert.equal(of("paddock_plugin_run_seconds_sum")[0]?.value, "0.1");
  const bucket = of("paddock_plugin_run_seconds_bucket").find(({ labels }) =>
    labels?.le === "0.05"
  );
  assert.deepEqual([bucket?.value, bucket?.labels?.plugin], ["1", RUN.plugin]);
  assert.equal(of("paddock_source_lag_seconds")[0]?.value, "1.5");
  assert.equal(of("paddock_dead_letters_total")[0]?.labels?.code, "PDK_EVENT_INVALID");
  assert.equal(of("paddock_test")[0]?.value, "5");
  reading = 7;
  const snapshot = await metrics.snapshot();
  const test = snapshot.find(({ name }) => name === "paddock_test");
  assert.deepEqual(test?.values, [{ labels: {}, value: 7 }]);
  assert.deepEqual(snapshot.map(({ name }) => name), metrics.names());
});

Deno.test("plugins without end have few labels", async () => {
  const metrics = new Metrics();
  for (let pluginId = 0; pluginId < 1_000; pluginId++) {
    metrics.pluginRan({ ...RUN, pluginId, plugin: `Plugin ${pluginId}` });
    metrics.pluginRefused({ pluginId, plugin: `Plugin ${pluginId}` });
  }
  const snapshot = await metrics.snapshot();
  for (const wanted of ["paddock_plugin_calls_total", "paddock_plugin_refusals_total"]) {
    const values = snapshot.find(({ name }) => name === wanted)?.values ?? [];
    assert.ok(values.length <= 201, `${values.length} label sets`);
    const all = values.reduce((sum, { value }) => sum + value, 0);
    assert.equal(all, 1_000, "nothing is left out of the sum");
    assert.equal(values[0]?.labels.plugin, "Plugin 0");
  }
});
