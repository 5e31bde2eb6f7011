/** Numbers that are read of a running server whenever somebody asks. */
import type { GaugeReading, Metrics } from "./metrics.ts";

/** A plugin as it is now; see `PluginWorkers`. */
export interface WatchedPlugin {
  readonly spec: { readonly id: number; readonly name: string };
  readonly pids: readonly number[];
  readonly waitingEvents: number;
  state(now: number): "healthy" | "slow" | "paused" | "disabled";
}

/** What is read, in the words of those who have it. */
export interface WatchedServer {
  readonly version: string;
  readonly counters: {
    readonly stored: number;
    readonly repeated: number;
    readonly dropped: number;
    readonly lost: number;
  };
  inFlight(): { readonly events: number; readonly bytes: number };
  readonly capacity: { readonly events: number; readonly bytes: number };
  readonly sources: readonly { readonly name: string; depth(): Promise<number> }[];
  plugins(): readonly WatchedPlugin[];
  memoryOf(pids: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** Null where there is no job queue. */
  readonly jobs:
    | (() => Promise<{ readonly waiting: number; readonly dead: number }>)
    | null;
  isScheduling(): boolean;
  poolUse(): { readonly open: number; readonly idle: number; readonly waiting: number };
  health(): Readonly<Record<string, { readonly isWell: boolean }>>;
}

const STATES = { healthy: 0, slow: 1, paused: 2, disabled: 3 } as const;

export function registerServerMetrics(metrics: Metrics, server: WatchedServer): void {
  const one = (value: number): GaugeReading[] => [{ value }];
  const { counters } = server;
  metrics.gauge(
    "paddock_info",
    "What runs.",
    () => [{
      labels: { version: server.version },
      value: 1,
    }],
    "gauge",
    ["version"],
  );
  for (
    const [name, help] of [
      ["stored", "Events that were stored."],
      ["repeated", "Events that were recognised as stored before."],
      ["lost", "Dead letters that could not be stored; the log has them."],
    ] as const
  ) metrics.gauge(`paddock_events_${name}_total`, help, () => one(counters[name]), "counter");

  metrics.gauge(
    "paddock_in_flight_events",
    "Events on their way.",
    () => one(server.inFlight().events),
  );
  metrics.gauge("paddock_in_flight_bytes", "Their size.", () => one(server.inFlight().bytes));
  metrics.gauge(
    "paddock_in_flight_events_max",
    "PIPELINE_MAX_EVENTS.",
    () => one(server.capacity.events),
  );
  metrics.gauge(
    "paddock_source_waiting",
    "Messages that wait to be taken.",
    async () => {
      const depths = await Promise.allSettled(server.sources.map((source) => source.depth()));
      return depths.flatMap((depth, index) =>
        depth.status === "rejected"
          ? []
          : [{ labels: { source: server.sources[index]?.name ?? "" }, value: depth.value }]
      );
    },
    "gauge",
    ["source"],
  );

  registerPluginMetrics(metrics, server);

  const { jobs } = server;
  if (jobs !== null) {
    metrics.gauge(
      "paddock_jobs",
      "Jobs in the queue, by state.",
      async () => {
        try {
          const { waiting, dead } = await jobs();
          return [
            { labels: { state: "waiting" }, value: waiting },
            { labels: { state: "dead" }, value: dead },
          ];
        } catch {
          // That the database is away is told elsewhere.
          return [];
        }
      },
      "gauge",
      ["state"],
    );
  }
  metrics.gauge(
    "paddock_scheduling",
    "Whether this server runs the scheduled tasks.",
    () => one(server.isScheduling() ? 1 : 0),
  );
  metrics.gauge(
    "paddock_database_connections",
    "Connections to Postgres, by state.",
    () => {
      const { open, idle, waiting } = server.poolUse();
      return [
        { labels: { state: "open" }, value: open },
        { labels: { state: "idle" }, value: idle },
        { labels: { state: "wanted" }, value: waiting },
      ];
    },
    "gauge",
    ["state"],
  );
  metrics.gauge(
    "paddock_part_well",
    "Whether a part of the server is well; see /_ready.",
    () =>
      Object.entries(server.health()).map(([part, { isWell }]) => ({
        labels: { part },
        value: isWell ? 1 : 0,
      })),
    "gauge",
    ["part"],
  );
  metrics.gauge(
    "paddock_memory_bytes",
    "Memory of the server's process.",
    () => {
      const { rss, heapUsed, external } = Deno.memoryUsage();
      return [
        { labels: { kind: "resident" }, value: rss },
        { labels: { kind: "heap" }, value: heapUsed },
        { labels: { kind: "external" }, value: external },
      ];
    },
    "gauge",
    ["kind"],
  );
}

function registerPluginMetrics(metrics: Metrics, server: WatchedServer): void {
  const labelNames = ["plugin", "plugin_id"];
  /** One value per plugin; those that share labels are added up. */
  const perPlugin = (
    value: (plugin: WatchedPlugin) => number,
    join: (one: number, other: number) => number = (one, other) => one + other,
  ): GaugeReading[] => {
    const readings = new Map<string, { labels: Record<string, string>; value: number }>();
    for (const plugin of server.plugins()) {
      const labels = metrics.pluginLabels({ pluginId: plugin.spec.id, plugin: plugin.spec.name });
      const key = JSON.stringify(labels);
      const known = readings.get(key);
      if (known === undefined) readings.set(key, { labels, value: value(plugin) });
      else known.value = join(known.value, value(plugin));
    }
    return [...readings.values()];
  };
  metrics.gauge(
    "paddock_plugin_waiting_events",
    "Events that wait for a plugin.",
    () => perPlugin(({ waitingEvents }) => waitingEvents),
    "gauge",
    labelNames,
  );
  metrics.gauge(
    "paddock_plugin_processes",
    "Processes of a plugin.",
    () => perPlugin(({ pids }) => pids.length),
    "gauge",
    labelNames,
  );
  metrics.gauge(
    "paddock_plugin_breaker_state",
    "0 healthy, 1 in the slow lane, 2 paused, 3 disabled.",
    () => perPlugin((plugin) => STATES[plugin.state(performance.now())], Math.max),
    "gauge",
    labelNames,
  );
  metrics.gauge(
    "paddock_plugin_memory_bytes",
    "Resident memory of a plugin's processes.",
    async () => {
      const memory = await server.memoryOf(server.plugins().flatMap(({ pids }) => pids));
      return perPlugin(({ pids }) => pids.reduce((sum, pid) => sum + (memory.get(pid) ?? 0), 0));
    },
    "gauge",
    labelNames,
  );
}
