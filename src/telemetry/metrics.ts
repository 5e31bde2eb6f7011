/** What is counted of a server, for Prometheus and for everybody who wants the numbers as JSON. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ExportingPlugin, Observer, PluginRun } from "./observer.ts";

/** Plugins that have numbers of their own, at most; those of all others are added up. */
const MAX_PLUGINS = 200;
const OTHER = "(other)";

/** Seconds. */
const FAST = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const SLOW = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** One metric with all its values. */
export interface MetricValues {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number>>;
    /** Of a histogram: with its ending. */
    readonly metricName?: string;
  }[];
}

/** A number that is read when somebody asks for it. */
export interface GaugeReading {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Metrics implements Partial<Observer> {
  readonly #registry = new Registry();
  readonly #plugins = new Set<string>();
  readonly #queries;
  readonly #transactions;
  readonly #received;
  readonly #finished;
  readonly #dropped;
  readonly #exports;
  readonly #batches;
  readonly #lag;
  readonly #letters;
  readonly #pluginEvents;
  readonly #pluginCalls;
  readonly #pluginFailures;
  readonly #pluginWait;
  readonly #pluginRun;
  readonly #pluginCrashes;
  readonly #pluginRefusals;
  readonly #lookups;
  readonly #logLines;
  readonly #loop;

  constructor() {
    const count = (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name, help, labelNames, registers: [this.#registry] });
    const time = (name: string, help: string, labelNames: string[], buckets = SLOW) =>
      new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] });
    const plugin = ["plugin", "plugin_id"];
    this.#queries = time(
      "paddock_query_seconds",
      "Commands of the stores, by what they are for.",
      ["store", "tag", "outcome"],
      FAST,
    );
    this.#transactions = time("paddock_transaction_seconds", "Transactions in Postgres.", [], FAST);
    this.#received = count(
      "paddock_events_received_total",
      "Messages taken from a source.",
      ["source"],
    );
    this.#finished = count(
      "paddock_events_finished_total",
      "Messages of a source that came to their end: stored, dropped or dead letters.",
      ["source"],
    );
    this.#dropped = count("paddock_events_dropped_total", "Events that plugins dropped.", [
      "source",
    ]);
    this.#exports = count(
      "paddock_plugin_exports_total",
      "Events handed to exportEvents, by what became of them.",
      [...plugin, "outcome"],
    );
    this.#batches = time("paddock_batch_seconds", "A batch, until all of it was durable.", [
      "source",
    ]);
    this.#lag = new Gauge({
      name: "paddock_source_lag_seconds",
      help: "Age of the oldest event of the batch that was taken last.",
      labelNames: ["source"],
      registers: [this.#registry],
    });
    this.#letters = count("paddock_dead_letters_total", "Messages that became dead letters.", [
      "source",
      "code",
    ]);
    this.#pluginEvents = count("paddock_plugin_events_total", "Events that a plugin was given.", [
      ...plugin,
      "task",
    ]);
    this.#pluginCalls = count("paddock_plugin_calls_total", "Batches, jobs and scheduled tasks.", [
      ...plugin,
      "task",
    ]);
    this.#pluginFailures = count(
      "paddock_plugin_failures_total",
      "Events or calls that failed in a plugin.",
      [...plugin, "task"],
    );
    this.#pluginWait = time(
      "paddock_plugin_wait_seconds",
      "A batch or call, until the plugin's process had it.",
      plugin,
    );
    this.#pluginRun = time("paddock_plugin_run_seconds", "A batch or call in the process.", [
      ...plugin,
      "task",
    ]);
    this.#pluginCrashes = count(
      "paddock_plugin_crashes_total",
      "Processes of a plugin that ended and were started again.",
      plugin,
    );
    this.#pluginRefusals = count(
      "paddock_plugin_refusals_total",
      "Attempts of plugins to reach a host that was not granted.",
      plugin,
    );
    this.#lookups = count("paddock_geoip_lookups_total", "Addresses located for plugins.");
    this.#logLines = count("paddock_plugin_log_lines_total", "Lines of plugins' logs.", ["source"]);
    this.#loop = time(
      "paddock_event_loop_lag_seconds",
      "By how much a timer was late: the server had something else to do.",
      [],
      FAST,
    );
  }

  /**
   * A number that is read when it is asked for, with nothing to pay in between.
   * @param type counter where it only ever grows
   * @param read answers within moments; what it cannot tell is left out
   */
  gauge(
    name: string,
    help: string,
    read: () => Iterable<GaugeReading> | Promise<Iterable<GaugeReading>>,
    type: "gauge" | "counter" = "gauge",
    labelNames: readonly string[] = [],
  ): void {
    const Kind = type === "gauge" ? Gauge : Counter;
    new Kind({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      async collect() {
        this.reset();
        for (const { labels, value } of await read()) this.inc({ ...labels }, value);
      },
    });
  }

  /** In Prometheus's text format. */
  async text(): Promise<{ readonly body: string; readonly contentType: string }> {
    return { body: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }

  /** The same as JSON. */
  async snapshot(): Promise<MetricValues[]> {
    // The library's types say that a type is a number, and leave the names of values out.
    return await this.#registry.getMetricsAsJSON() as unknown as MetricValues[];
  }

  /** Of all metrics there are, for those that refer to them. */
  names(): string[] {
    return this.#registry.getMetricsAsArray().map(({ name }) => name);
  }

  queried(store: string, tag: string, ms: number, failed: boolean): void {
    this.#queries.observe({ store, tag, outcome: failed ? "failed" : "done" }, ms / 1000);
  }

  transacted(ms: number): void {
    this.#transactions.observe(ms / 1000);
  }

  batchTaken(source: string, events: number, ageMs: number): void {
    this.#received.inc({ source }, events);
    this.#lag.set({ source }, ageMs / 1000);
  }

  batchDone(source: string, events: number, ms: number): void {
    this.#finished.inc({ source }, events);
    this.#batches.observe({ source }, ms / 1000);
  }

  dropped(source: string, events: number): void {
    this.#dropped.inc({ source }, events);
  }

  exported(plugin: ExportingPlugin, outcome: string, events: number): void {
    this.#exports.inc({ ...this.pluginLabels(plugin), outcome }, events);
  }

  deadLettered(source: string, code: string): void {
    this.#letters.inc({ source, code });
  }

  pluginRan({ task, events, failed, waitMs, runMs, ...run }: PluginRun): void {
    const plugin = this.pluginLabels(run);
    this.#pluginCalls.inc({ ...plugin, task });
    if (events > 0) this.#pluginEvents.inc({ ...plugin, task }, events);
    if (failed > 0) this.#pluginFailures.inc({ ...plugin, task }, failed);
    this.#pluginWait.observe(plugin, waitMs / 1000);
    this.#pluginRun.observe({ ...plugin, task }, runMs / 1000);
  }

  pluginCrashed(plugin: { readonly pluginId: number; readonly plugin: string }): void {
    this.#pluginCrashes.inc(this.pluginLabels(plugin));
  }

  pluginRefused(plugin: { readonly pluginId: number; readonly plugin: string }): void {
    this.#pluginRefusals.inc(this.pluginLabels(plugin));
  }

  located(addresses: number): void {
    this.#lookups.inc(addresses);
  }

  logged({ source }: { readonly source: string }): void {
    this.#logLines.inc({ source });
  }

  lagged(ms: number): void {
    this.#loop.observe(ms / 1000);
  }

  /** How a plugin is called in labels: bounded, however many come and go. */
  pluginLabels(
    { pluginId, plugin }: { readonly pluginId: number; readonly plugin: string },
  ): { plugin: string; plugin_id: string } {
    const key = `${pluginId} ${plugin}`;
    if (!this.#plugins.has(key)) {
      if (this.#plugins.size >= MAX_PLUGINS) return { plugin: OTHER, plugin_id: OTHER };
      this.#plugins.add(key);
    }
    return { plugin, plugin_id: String(pluginId) };
  }
}
