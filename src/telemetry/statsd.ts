/**
 * StatsD, in the flavour of Telegraf and with the names of PostHog's plugin server. What that sent
 * for each event is sent for each batch here.
 */
import HotShots, { type StatsD as Client } from "hot-shots";
import { getLogger } from "@logtape/logtape";
import type { ExportingPlugin, Observer, PluginRun, StoreName } from "./observer.ts";
import { PoolTimes } from "./pool_times.ts";

type Tags = Readonly<Record<string, string>>;

/** What is counted is sent once in so long, as one number. */
const FLUSH_MS = 1_000;

/** How that server called what Redis is asked for, its slips included. */
const REDIS_TAGS: Readonly<Record<string, string>> = {
  get: "regisGet",
  lpush: "redisLPush",
  lrange: "redisLRange",
  llen: "redisLLen",
  lrem: "redisLRem",
  lpop: "redisLPop",
};

const SCHEDULED = /^runEvery/;

export interface StatsDOptions {
  readonly host: string;
  readonly port: number;
  /** In front of every name, with its dot. */
  readonly prefix: string;
}

export class StatsD implements Partial<Observer> {
  readonly #client: Client;
  readonly #waits = new PoolTimes();
  readonly #runs = new PoolTimes();
  /** By name with tags, since they were sent last. */
  readonly #counts = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  /** When the pool was told of last, and how long it had worked by then. */
  #pooledAt = performance.now();
  #pooledMs = 0;
  readonly #log = getLogger(["paddock", "statsd"]);

  constructor({ host, port, prefix }: StatsDOptions) {
    this.#client = new HotShots({
      host,
      port,
      prefix,
      telegraf: true,
      // Datagrams that any network carries whole.
      maxBufferSize: 1_400,
      bufferFlushInterval: FLUSH_MS,
      errorHandler: (error) => this.#log.warn`metrics were not sent to ${host}: ${error.message}`,
    });
    this.#timer = setInterval(() => this.#sendCounts(), FLUSH_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Sends what is gathered and closes the socket. */
  close(): Promise<void> {
    clearInterval(this.#timer);
    this.#sendCounts();
    return new Promise((resolve) => this.#client.close(() => resolve()));
  }

  queried(store: StoreName, tag: string, ms: number, failed: boolean): void {
    if (store === "postgres") {
      this.#count("query.postgres.total", 1, { queryTag: tag });
      this.#time("query.postgres", ms, { queryTag: tag });
      return;
    }
    const name = store === "kafka"
      ? "query.kafka_send"
      : store === "clickhouse"
      ? "query.clickhouse"
      : `query.${REDIS_TAGS[tag] ?? `redis${tag.charAt(0).toUpperCase()}${tag.slice(1)}`}`;
    this.#count(`${name}.total`, 1);
    this.#time(name, ms);
    if (store === "kafka" && failed) this.#count(`${name}.failure`, 1);
  }

  transacted(ms: number): void {
    this.#count("query.postgres_transation.total", 1);
    this.#time("query.postgres_transation", ms);
  }

  batchDone(_source: string, events: number, ms: number): void {
    this.#time("kafka_queue.each_batch", ms);
    if (events === 1) this.#time("kafka_queue.single_event", ms);
  }

  stored(_events: number, recordings: number, ms: number): void {
    this.#time("kafka_queue.single_ingestion", ms);
    this.#time(`kafka_queue.single_save.${recordings > 0 ? "snapshot" : "standard"}`, ms);
  }

  matched(found: number, ms: number): void {
    this.#time("action_matching_for_event", ms);
    this.#count("action_matches_found", found);
  }

  hookFired(kind: "webhook" | "REST hook"): void {
    this.#count(kind === "webhook" ? "webhook_firings" : "rest_hook_firings", 1);
  }

  illegalDistinctId(id: string): void {
    const name = id.trim() === "" ? "(empty)" : id.length > 100 ? "(too long)" : id.toLowerCase();
    this.#count("illegal_distinct_ids.total", 1, { distinctId: name });
  }

  deadLettered(): void {
    this.#count("events_added_to_dead_letter_queue", 1);
  }

  pluginRan(run: PluginRun): void {
    const { task, job, plugin, configId, runMs, failed } = run;
    const tags = { plugin: plugin, teamId: String(run.teamId) };
    this.#waits.add(run.waitMs);
    this.#runs.add(runMs);
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
    const tags = { plugin: plugin, teamId: String(teamId) };
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
    const now = performance.now();
    const couldMs = (now - this.#pooledAt) * Math.max(1, use.threads);
    const utilization = (this.#runs.sumMs - this.#pooledMs) / couldMs;
    [this.#pooledAt, this.#pooledMs] = [now, this.#runs.sumMs];
    this.#client.gauge("piscina.threads", use.threads);
    this.#client.gauge("piscina.queue_size", use.queueSize);
    this.#client.gauge("piscina.utilization", Math.round(Math.min(1, utilization) * 100));
    for (const [kind, times] of [["waitTime", this.#waits], ["runTime", this.#runs]] as const) {
      for (const [name, ms] of Object.entries(times.read())) {
        this.#client.gauge(`piscina.${kind}.${name}`, Math.round(ms * 1000) / 1000);
      }
    }
  }

  /** The server ends, to be started again. */
  stale(): void {
    this.#count("alerts.stale_plugin_server_restarted", 1);
  }

  #count(name: string, value: number, tags: Tags = {}): void {
    const key = tagged(name, tags);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + value);
  }

  #sendCounts(): void {
    for (const [key, value] of this.#counts) this.#client.increment(key, value);
    this.#counts.clear();
  }

  #time(name: string, ms: number, tags: Tags = {}): void {
    this.#client.timing(tagged(name, tags), Math.round(ms));
  }
}

/** As Telegraf has it, so that the client need not put together the same tags again and again. */
function tagged(name: string, tags: Tags): string {
  let text = name;
  for (const key in tags) text += `,${key}=${safeTag(tags[key] ?? "")}`;
  return text;
}

/** A plugin's name within a metric's name, where some characters mean something. */
function safe(name: string): string {
  return name.replace(/[^\w-]+/g, "_").slice(0, 100);
}

/** The same as a tag's value, where fewer do. */
function safeTag(name: string): string {
  return name.replace(/[:|,=\n]/g, "_").slice(0, 100);
}
