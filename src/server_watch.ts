/** The part of the composition root that says how a running server is, and in which numbers. */
import type { Config } from "./config/config.ts";
import { Health, type WatchedPart } from "./health.ts";
import type { Consumer } from "./pipeline/consumer.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import { consumerTrouble, pipelineTrouble } from "./pipeline/progress.ts";
import type { PluginHosts } from "./plugins/hosts/plugin_hosts.ts";
import { ProcessMemory } from "./plugins/hosts/process_memory.ts";
import type { Jobs } from "./server_jobs.ts";
import type { Telemetry } from "./server_telemetry.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Database } from "./stores/postgres/database.ts";
import { registerServerMetrics } from "./telemetry/server_metrics.ts";
import { VERSION } from "./version.ts";

/** How often StatsD is told of plugins' processes, as the server before told of its threads. */
const POOL_STATS_MS = 10_000;

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

/** Begins to watch. What is started is put on `started`. */
export function watchServer(
  config: Config,
  { metrics, statsd }: Telemetry,
  parts: ServerParts,
  started: StopStack,
): Health {
  const { pipeline, consumers, hosts, jobs, scheduler, database } = parts;
  const health = new Health(watchedParts(parts));
  health.start();
  started.push("health", () => Promise.resolve(health.stop()));
  const memory = new ProcessMemory();
  registerServerMetrics(metrics, {
    version: VERSION,
    counters: pipeline.counters,
    inFlight: () => pipeline.inFlight,
    capacity: { events: config.PIPELINE_MAX_EVENTS, bytes: config.PIPELINE_MAX_BYTES },
    sources: consumers.map(({ source }) => source),
    plugins: () => hosts.hosts,
    memoryOf: (pids) => memory.of(pids),
    jobs: jobs === null ? null : () => jobs.queue.counts(),
    isScheduling: () => scheduler.isLeader,
    poolUse: () => database.poolUse,
    health: () => health.report().parts,
  });
  if (statsd !== null) {
    const timer = setInterval(() => {
      statsd.pool({
        threads: hosts.hosts.reduce((sum, { pids }) => sum + pids.length, 0),
        queueSize: hosts.hosts.reduce((sum, { waitingEvents }) => sum + waitingEvents, 0),
      });
    }, POOL_STATS_MS);
    started.push("pool stats", () => Promise.resolve(clearInterval(timer)));
  }
  return health;
}

function watchedParts(
  { pipeline, consumers, runner, deliverer, scheduler, geoip, kafka }: ServerParts,
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
      unavailable: () => consumerTrouble(each, pipeline),
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
