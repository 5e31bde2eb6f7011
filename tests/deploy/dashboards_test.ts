/**
 * The Grafana dashboard and the alert rules: what they ask for exists, Prometheus's own tool
 * understands it, and for each alert there is a scenario in which it fires.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { registerServerMetrics } from "../../src/telemetry/server_metrics.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));
const ALERTS = `${ROOT}deploy/prometheus/alerts.yaml`;
const DASHBOARD = `${ROOT}deploy/grafana/paddock.json`;
const SCENARIOS = `${ROOT}tests/deploy/alerts.test.yaml`;

/** Every name that a server may answer with at `/metrics`. */
function metricNames(): Set<string> {
  const metrics = new Metrics();
  registerServerMetrics(metrics, {
    version: "test",
    counters: { stored: 0, repeated: 0, dropped: 0, lost: 0 },
    inFlight: () => ({ events: 0, bytes: 0 }),
    capacity: { events: 1, bytes: 1 },
    sources: [],
    plugins: () => [],
    memoryOf: () => Promise.resolve(new Map()),
    jobs: () => Promise.resolve({ waiting: 0, dead: 0 }),
    isScheduling: () => false,
    poolUse: () => ({ open: 0, idle: 0, waiting: 0 }),
    health: () => ({}),
  });
  const endings = ["", "_bucket", "_sum", "_count"];
  return new Set(metrics.names().flatMap((name) => endings.map((ending) => name + ending)));
}

function namesIn(text: string): string[] {
  return [...new Set(text.match(/\bpaddock_[a-z_]+\b/g))];
}

async function promtool(...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command("promtool", { args }).output();
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stdout) + decoder.decode(stderr));
}

/** What the dashboard's panels ask for. */
async function panelExpressions(): Promise<string[]> {
  const { panels } = JSON.parse(await Deno.readTextFile(DASHBOARD));
  return panels.flatMap(({ targets = [] }: { targets?: { expr: string }[] }) =>
    targets.map(({ expr }) => expr)
  );
}

Deno.test("dashboard and alerts ask for metrics that exist, and the dashboard shows all of them", async () => {
  const known = metricNames();
  const alerts = namesIn(await Deno.readTextFile(ALERTS));
  const panels = namesIn((await panelExpressions()).join("\n"));
  assert.ok(alerts.length > 10 && panels.length > 20, "there is something to look at");
  assert.deepEqual([...alerts, ...panels].filter((name) => !known.has(name)), []);
  const shown = new Set(panels.map((name) => name.replace(/_(bucket|sum|count)$/, "")));
  const families = [...known].filter((name) => !/_(bucket|sum|count)$/.test(name));
  assert.deepEqual(families.filter((name) => !shown.has(name)), [
    // Limits and sizes, for those who ask.
    "paddock_in_flight_bytes",
    "paddock_in_flight_events_max",
  ]);
});

Deno.test("Prometheus understands the alerts, and what the panels ask for", async () => {
  await promtool("check", "rules", ALERTS);
  const rules = (await panelExpressions()).map((expr, index) => ({
    record: `panel_${index}`,
    expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*"),
  }));
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  // JSON is YAML.
  await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
  await promtool("check", "rules", file);
  await Deno.remove(file);
});

Deno.test("each alert fires in its scenario, and none where all is well", async () => {
  const alerts = [...(await Deno.readTextFile(ALERTS)).matchAll(/- alert: (\w+)/g)];
  const scenarios = await Deno.readTextFile(SCENARIOS);
  for (const [, name] of alerts) {
    assert.match(scenarios, new RegExp(`alertname: ${name}\n +exp_alerts:\n +- exp_labels`), name);
    assert.match(scenarios, new RegExp(`alertname: ${name}, exp_alerts: \\[\\]`), name);
  }
  await promtool("test", "rules", SCENARIOS);
});
