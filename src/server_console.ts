/** The part of the composition root that is about the console. */
import { getLogger } from "@logtape/logtape";
import ipaddr from "ipaddr.js";
import type { Config } from "./config/config.ts";
import { ConsoleServer } from "./console/console_server.ts";
import { Sampler } from "./console/sampler.ts";
import { Tails } from "./console/tails.ts";
import type { ReplayParts } from "./dead_letters/replay.ts";
import { PaddockError } from "./errors.ts";
import type { HealthReport } from "./health.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import type { PluginHosts } from "./plugins/hosts/plugin_hosts.ts";
import { ProcessMemory } from "./plugins/hosts/process_memory.ts";
import { RELOAD_CHANNEL } from "./plugins/registry/reloader.ts";
import type { Jobs } from "./server_jobs.ts";
import type { Telemetry } from "./server_telemetry.ts";
import type { Source } from "./sources/source.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Storage } from "./storage.ts";
import type { Queryable } from "./stores/postgres/database.ts";
import type { PubSub } from "./stores/pubsub.ts";

/** Below this a token can be guessed. */
const MIN_TOKEN = 16;

/**
 * Whether there is to be a console, and for whom.
 * @throws PaddockError PDK_CONFIG_INVALID where other machines could reach it without a token
 */
export function consoleAccess(config: Config): { readonly token: string | null } | null {
  const { CONSOLE_HOST: host, CONSOLE_TOKEN: token } = config;
  if (!host) return null;
  if (token && token.length < MIN_TOKEN) {
    throw new PaddockError(
      "PDK_CONFIG_INVALID",
      `CONSOLE_TOKEN has ${token.length} characters; it needs ${MIN_TOKEN} at least`,
    );
  }
  if (!token && !isLoopback(host)) {
    throw new PaddockError(
      "PDK_CONFIG_INVALID",
      `CONSOLE_HOST is ${host}, which other machines may reach: set CONSOLE_TOKEN as well`,
    );
  }
  return { token: token || null };
}

/** Starts the console. What is started is put on `started`. Returns its address, or null. */
export function startConsole(
  config: Config,
  storage: Storage,
  parts: {
    readonly pipeline: Pipeline;
    readonly hosts: PluginHosts;
    readonly sources: readonly Source[];
    readonly health: () => HealthReport;
    readonly jobs: Jobs | null;
    readonly notifications: PubSub;
    readonly telemetry: Telemetry;
  },
  started: StopStack,
): string | null {
  const access = consoleAccess(config);
  if (access === null) return null;
  const { pipeline, hosts, sources, telemetry } = parts;
  let [batches, batchMs] = [0, 0];
  telemetry.observers.add({
    batchDone: (_source, _events, ms) => {
      batches++;
      batchMs += ms;
    },
  });
  const memory = new ProcessMemory();
  const pidsOf = (pluginId: number) =>
    hosts.hosts.filter(({ spec }) => spec.id === pluginId).flatMap(({ pids }) => pids);
  const sampler = new Sampler(
    () => ({
      received: pipeline.counters.received,
      stored: pipeline.counters.stored,
      dropped: pipeline.counters.dropped,
      deadLettered: pipeline.counters.deadLettered,
      pluginFailures: hosts.activity.failed,
      batches,
      batchMs,
      inFlight: pipeline.inFlight.events,
      memoryBytes: Deno.memoryUsage().rss,
    }),
    async () => {
      const depths = await Promise.all(sources.map((source) => source.depth()));
      return depths.reduce((sum, depth) => sum + depth, 0);
    },
  );
  started.push("console numbers", () => sampler.stop());
  const tails = new Tails(parts.notifications);
  started.push("console tails", () => tails.stop());
  const server = new ConsoleServer({
    config,
    database: storage.database,
    storage: storage.description,
    startedAt: new Date(),
    sampler,
    tails,
    health: parts.health,
    speed: (pluginId) => telemetry.recent.runsOf(pluginId),
    activity: (configId) => hosts.activity.get(configId),
    memoryOf: async (pluginId) => {
      // Those of all plugins are asked for at once, as they are known for a while then.
      const known = await memory.of(hosts.hosts.flatMap(({ pids }) => pids));
      const pids = pidsOf(pluginId);
      return pids.length === 0
        ? null
        : pids.reduce((sum, pid) => sum + (known.get(pid) ?? 0), 0) || null;
    },
    jobs: replayedJobs(storage, parts.jobs),
    announcePluginChange: () => parts.notifications.publish(RELOAD_CHANNEL, ""),
  }, {
    host: config.CONSOLE_HOST ?? "",
    port: config.CONSOLE_PORT,
    anyPort: !config.explicit.has("CONSOLE_PORT"),
    token: access.token,
    trustedProxies: config.TRUSTED_PROXIES,
  });
  started.push("console", () => server.close());
  getLogger(["paddock", "server"]).info`the console is at ${server.address}`;
  return server.address;
}

/** Jobs of a queue in the same database are moved in the transaction that takes the letter away. */
function replayedJobs({ database }: Storage, jobs: Jobs | null): ReplayParts["jobs"] {
  if (jobs === null) return null;
  return (tx: Queryable) =>
    jobs.database === database
      ? { enqueue: async (wanted) => void await jobs.queue.add(tx, wanted) }
      : jobs.queue;
}

function isLoopback(host: string): boolean {
  return host === "localhost" ||
    ipaddr.isValid(host) && ipaddr.process(host).range() === "loopback";
}
