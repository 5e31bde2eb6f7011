/** The part of the composition root that says how a running server is, and in which numbers. */
import { getLogger } from "@logtape/logtape";
import type { Config } from "./config/config.ts";
import { errorMessage } from "./errors.ts";
import { Health, type WatchedPart } from "./health.ts";
import type { Consumer } from "./pipeline/consumer.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import { consumerTrouble, pipelineTrouble } from "./pipeline/progress.ts";
import { QueueWatch } from "./pipeline/queue_watch.ts";
import type { PluginHosts } from "./plugins/hosts/plugin_hosts.ts";
import { ProcessMemory } from "./plugins/hosts/process_memory.ts";
import type { Jobs } from "./server_jobs.ts";
import type { Telemetry } from "./server_telemetry.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Database } from "./stores/postgres/database.ts";
import { ServerStatusTable } from "./stores/postgres/server_status.ts";
import type { Recent } from "./telemetry/recent.ts";
import { registerServerMetrics, type WatchedServer } from "./telemetry/server_metrics.ts";
import { type ServerIdentity, type ServerStatus, serverStatus } from "./telemetry/server_status.ts";
import { VERSION } from "./version.ts";

/** How often StatsD is told of plugins' processes, as the server before told of its threads. */
const POOL_STATS_MS = 10_000;

/** How often the server says how it is, for those who look at it live. */
const STATUS_MS = 2_000;
/** What takes a store long to tell where there is much of it is asked for no more often. */
const DEPTH_KEPT_MS = 2_000;
const JOBS_KEPT_MS = 10_000;

/** A part that says why it is not well, or null. */
interface Sayer {
  readonly unavailable: string | null;
}

/** What is watched. */
export interface ServerParts {
  readonly database: Database;
  readonly pipeline: Pipeline;
  readonly consumers: readonly Consumer[];
  readonly hosts: PluginHosts;
  readonly jobs: Jobs | null;
  readonly runner: Sayer | null;
  readonly deliverer: Sayer;
  readonly scheduler: Sayer & { readonly isLeader: boolean };
  readonly geoip: Sayer;
  readonly kafka: Sayer & { readonly clickhouse: Sayer } | null;
}

/** How a server is, for whoever shows it. */
export interface ServerWatch {
  readonly health: Health;
  readonly watched: WatchedServer;
  readonly recent: Recent;
}

/** Begins to watch. What is started is put on `started`. */
export function watchServer(
  config: Config,
  { metrics, recent, statsd }: Telemetry,
  parts: ServerParts,
  started: StopStack,
): ServerWatch {
  const { pipeline, consumers, hosts, jobs, scheduler, database } = parts;
  const queues = new Map(
    consumers.filter(({ source }) => !source.holdsBack).map((consumer) => {
      const watch = new QueueWatch(consumer, () => pipeline.room.items > 0);
      watch.start();
      return [consumer, watch];
    }),
  );
  started.push("queue watches", async () => {
    await Promise.all([...queues.values()].map((watch) => watch.stop()));
  });
  const health = new Health(watchedParts(parts, queues));
  health.start();
  started.push("health", () => Promise.resolve(health.stop()));
  const memory = new ProcessMemory();
  const watched: WatchedServer = {
    version: VERSION,
    counters: pipeline.counters,
    inFlight: () => pipeline.inFlight,
    capacity: { events: config.PIPELINE_MAX_EVENTS, bytes: config.PIPELINE_MAX_BYTES },
    sources: consumers.map(({ source }) => ({
      name: source.name,
      depth: kept(DEPTH_KEPT_MS, () => source.depth()),
    })),
    plugins: () => hosts.hosts,
    memoryOf: (pids) => memory.of(pids),
    jobs: jobs === null ? null : kept(JOBS_KEPT_MS, () => jobs.queue.counts()),
    isScheduling: () => scheduler.isLeader,
    poolUse: () => database.poolUse,
    health: () => health.report().parts,
  };
  registerServerMetrics(metrics, watched);
  if (statsd !== null) {
    const timer = setInterval(() => {
      statsd.pool({
        threads: hosts.hosts.reduce((sum, { pids }) => sum + pids.length, 0),
        queueSize: hosts.hosts.reduce((sum, { waitingEvents }) => sum + waitingEvents, 0),
      });
    }, POOL_STATS_MS);
    started.push("pool stats", () => Promise.resolve(clearInterval(timer)));
  }
  return { health, watched, recent };
}

function watchedParts(
  { pipeline, consumers, runner, deliverer, scheduler, geoip, kafka }: ServerParts,
  queues: ReadonlyMap<Consumer, QueueWatch>,
): WatchedPart[] {
  const saying = (name: string, part: Sayer, isNeeded = true): WatchedPart => ({
    name,
    isNeeded,
    unavailable: () => part.unavailable,
  });
  return [
    { name: "store", isNeeded: true, unavailable: () => pipeline.counters.storeUnavailable },
    { name: "pipeline", isNeeded: true, unavailable: () => pipelineTrouble(pipeline) },
    ...consumers.map((each): WatchedPart => ({
      name: each.source.name,
      isNeeded: true,
      unavailable: () => consumerTrouble(each, pipeline) ?? queues.get(each)?.trouble ?? null,
    })),
    saying("deliveries", deliverer),
    saying("scheduler", scheduler),
    ...(runner === null ? [] : [saying("jobs", runner)]),
    saying("geoip", geoip, false),
    // Without ClickHouse everything goes on: what it is to store waits in Kafka.
    ...(kafka === null
      ? []
      : [saying("kafka", kafka), saying("clickhouse", kafka.clickhouse, false)]),
  ];
}

/** Says how the server is in the table that commands read. What is started is put on `started`. */
export function sayStatus(
  identity: ServerIdentity,
  { health, watched, recent }: ServerWatch,
  database: Database,
  started: StopStack,
): void {
  const table = new ServerStatusTable<ServerStatus>(database);
  const log = getLogger(["paddock", "status"]);
  let saying: Promise<void> | null = null;
  const say = async () => {
    try {
      const status = await serverStatus(identity, watched, health.report(), recent);
      await table.say(identity.serverId, status);
    } catch (error) {
      log.debug`the status was not written: ${errorMessage(error)}`;
    }
  };
  const next = () => {
    saying ??= say().finally(() => saying = null);
  };
  next();
  const timer = setInterval(next, STATUS_MS);
  started.push("status", async () => {
    clearInterval(timer);
    await saying;
    await table.forget(identity.serverId);
  });
}

/** The answer that was given last, where that is young enough. */
function kept<Answer>(ms: number, read: () => Promise<Answer>): () => Promise<Answer> {
  let answer: Promise<Answer> | null = null;
  let until = 0;
  return () => {
    const now = performance.now();
    if (answer !== null && now < until) return answer;
    until = now + ms;
    return answer = read();
  };
}
