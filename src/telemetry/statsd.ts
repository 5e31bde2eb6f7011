/**
 * StatsD, in the flavour of Telegraf and with the names of PostHog's plugin server. What that sent
 * for each event is sent for each batch here.
 */
import HotShots, { type StatsD as Client } from "hot-shots";
import { getLogger } from "@logtape/logtape";
import type { ExportingPlugin, Observer, PluginRun } from "./observer.ts";

type Tags = Record<string, string>;

/** How that server called what Redis is asked for, its slips included. */
const REDIS_TAGS: Readonly<Record<string, string>> = { get: "regisGet", lpush: "redisLPush" };

const SCHEDULED = /^runEvery/;

export interface StatsDOptions {
  readonly host: string;
  readonly port: number;
  /** In front of every name, with its dot. */
  readonly prefix: string;
}

export class StatsD implements Partial<Observer> {
  readonly #client: Client;
  readonly #log = getLogger(["paddock", "statsd"]);

  constructor({ host, port, prefix }: StatsDOptions) {
    this.#client = new HotShots({
      host,
      port,
      prefix,
      telegraf: true,
      // Datagrams that any network carries whole.
      maxBufferSize: 1_400,
      bufferFlushInterval: 1_000,
      errorHandler: (error) => this.#log.warn`metrics were not sent to ${host}: ${error.message}`,
    });
  }

  /** Sends what is gathered and closes the socket. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#client.close(() => resolve()));
  }

  queried(store: "postgres" | "redis", tag: string, ms: number): void {
    if (store === "postgres") {
      this.#count("query.postgres.total", 1, { queryTag: tag });
      this.#time("query.postgres", ms, { queryTag: tag });
      return;
    }
    const name = `query.${REDIS_TAGS[tag] ?? `redis${tag.charAt(0).toUpperCase()}${tag.slice(1)}`}`;
    this.#count(`${name}.total`, 1);
    this.#time(name, ms);
  }

  transacted(ms: number): void {
    this.#count("query.postgres_transation.total", 1);
    this.#time("query.postgres_transation", ms);
  }

  batchDone(_source: string, events: number, ms: number): void {
    this.#time("kafka_queue.each_batch", ms);
    if (events === 1) this.#time("kafka_queue.single_event", ms);
  }

  deadLettered(): void {
    this.#count("events_added_to_dead_letter_queue", 1);
  }

  pluginRan(run: PluginRun): void {
    const { task, job, plugin, configId, runMs, failed } = run;
    const tags = { plugin: safeTag(plugin), teamId: String(run.teamId) };
    this.#time(`piscina_task.${job === null ? task : "runJob"}`, runMs);
    if (job !== null || SCHEDULED.test(task)) {
      const kind = job === null ? "schedule" : "job";
      if (failed > 0) this.#count(`plugin.task.${kind}.${safe(job ?? task)}.${configId}.ERROR`, 1);
      return;
    }
    switch (task) {
      case "processEvent":
        this.#time("plugin.process_event", runMs, tags);
        if (failed > 0) this.#count(`plugin.${safe(plugin)}.process_event.ERROR`, failed);
        break;
      case "onEvent":
      case "onSnapshot":
        this.#time(`kafka_queue.single_${task === "onEvent" ? "on_event" : "on_snapshot"}`, runMs);
        this.#time(`plugin.${safe(plugin)}.on_event`, runMs);
        if (failed > 0) this.#count(`plugin.${safe(plugin)}.on_event.ERROR`, failed);
        break;
      case "exportEvents":
        if (failed === 0) this.#time("plugin.export_events.success", runMs, tags);
        break;
    }
  }

  exported({ plugin, teamId }: ExportingPlugin, outcome: string): void {
    const tags = { plugin: safeTag(plugin), teamId: String(teamId) };
    if (outcome === "retry_errors") this.#count("plugin.export_events.retry_enqueued", 1, tags);
    if (outcome === "undelivered_events") {
      this.#count("plugin.export_events.retry_dropped", 1, tags);
    }
  }

  located(_addresses: number, ms: number): void {
    this.#time("mmdb.internal_request", ms);
  }

  logged({ source, teamId, pluginId }: Parameters<Observer["logged"]>[0]): void {
    const tags = { source, team_id: String(teamId), plugin_id: String(pluginId) };
    this.#count("logs.entries_created", 1, tags);
  }

  lagged(ms: number): void {
    this.#time("event_loop_lag", ms);
  }

  /** Work that waits for plugins and how busy their processes are, as that server said of its threads. */
  pool(use: { readonly threads: number; readonly queueSize: number }): void {
    this.#client.gauge("piscina.threads", use.threads);
    this.#client.gauge("piscina.queue_size", use.queueSize);
  }

  /** The server ends, to be started again. */
  stale(): void {
    this.#count("alerts.stale_plugin_server_restarted", 1);
  }

  #count(name: string, value: number, tags: Tags = {}): void {
    this.#client.increment(name, value, tags);
  }

  #time(name: string, ms: number, tags: Tags = {}): void {
    this.#client.timing(name, Math.round(ms), tags);
  }
}

/** A plugin's name within a metric's name, where some characters mean something. */
function safe(name: string): string {
  return name.replace(/[^\w-]+/g, "_").slice(0, 100);
}

/** The same as a tag's value, where fewer do. */
function safeTag(name: string): string {
  return name.replace(/[:|,=\n]/g, "_").slice(0, 100);
}
