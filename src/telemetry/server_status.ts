/** What a server says of itself, for those who look at it live: `paddock status` and `paddock top`. */
import type { HealthReport } from "../health.ts";
import type { Recent, RecentRuns } from "./recent.ts";
import type { WatchedServer } from "./server_metrics.ts";

export interface PluginStatus extends RecentRuns {
  readonly id: number;
  readonly name: string;
  readonly state: "healthy" | "slow" | "paused" | "disabled";
  readonly processes: number;
  readonly memoryBytes: number;
  readonly waitingEvents: number;
}

export interface SourceStatus {
  readonly name: string;
  /** Null where its store is away. */
  readonly waiting: number | null;
  readonly eventsPerSecond: number;
}

export interface ServerStatus {
  readonly serverId: string;
  readonly version: string;
  readonly address: string;
  /** ISO time. */
  readonly startedAt: string;
  readonly health: HealthReport;
  readonly events: WatchedServer["counters"];
  readonly inFlight: { readonly events: number; readonly bytes: number };
  readonly sources: readonly SourceStatus[];
  /** Null where there is no job queue, or its store is away. */
  readonly jobs: { readonly waiting: number; readonly dead: number } | null;
  readonly memoryBytes: number;
  readonly plugins: readonly PluginStatus[];
}

/** Who it is. */
export type ServerIdentity = Pick<ServerStatus, "serverId" | "address" | "startedAt">;

export async function serverStatus(
  identity: ServerIdentity,
  server: WatchedServer,
  health: HealthReport,
  recent: Recent,
): Promise<ServerStatus> {
  const { stored, repeated, dropped, lost } = server.counters;
  const [memory, jobs, waiting] = await Promise.all([
    server.memoryOf(server.plugins().flatMap(({ pids }) => pids)),
    server.jobs?.().catch(() => null) ?? null,
    Promise.all(server.sources.map((source) => source.depth().catch(() => null))),
  ]);
  const now = performance.now();
  return {
    ...identity,
    version: server.version,
    health,
    events: { stored, repeated, dropped, lost },
    inFlight: server.inFlight(),
    sources: server.sources.map(({ name }, index) => ({
      name,
      waiting: waiting[index] ?? null,
      eventsPerSecond: recent.eventsPerSecond(name),
    })),
    jobs,
    memoryBytes: Deno.memoryUsage().rss,
    plugins: server.plugins().map((plugin) => ({
      id: plugin.spec.id,
      name: plugin.spec.name,
      state: plugin.state(now),
      processes: plugin.pids.length,
      memoryBytes: plugin.pids.reduce((sum, pid) => sum + (memory.get(pid) ?? 0), 0),
      waitingEvents: plugin.waitingEvents,
      ...recent.runsOf(plugin.spec.id),
    })),
  };
}
