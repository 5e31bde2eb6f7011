/** The parts of a server that tell plugins of stored events, on a real database and a real fence. */
import { randomUUID } from "node:crypto";
import { Deliverer, type DelivererOptions } from "../../src/pipeline/deliver.ts";
import type { ExportRetries } from "../../src/pipeline/delivery/export_delivery.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import { Breakers } from "../../src/plugins/breaker/breakers.ts";
import { wantedCursors } from "../../src/plugins/hosts/host_targets.ts";
import { PluginHosts, type PluginHostsOptions } from "../../src/plugins/hosts/plugin_hosts.ts";
import type { PluginApi, PluginLogEntry, PluginSpec } from "../../src/plugins/types.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { DeliveryCursors } from "../../src/stores/postgres/outbox/delivery_cursors.ts";
import { PostgresOutbox } from "../../src/stores/postgres/outbox/outbox.ts";
import { ServerPresence } from "../../src/stores/postgres/servers.ts";
import { specOf, TEST_HOST_OPTIONS, type TestPlugin } from "../plugins/fence.ts";
import { createPipeline } from "./pipeline.ts";
import { installPlugin } from "./plugin_rows.ts";

/** One of a cluster, without its doors. */
export interface PluginServer extends AsyncDisposable {
  readonly id: string;
  readonly pipeline: Pipeline;
  readonly hosts: PluginHosts;
  readonly deliverer: Deliverer;
  readonly log: PluginLogEntry[];
  /** Messages that plugins printed, in order. */
  printed(): string[];
  logText(): string;
  /** Replaces the plugins in force. */
  apply(specs: readonly PluginSpec[]): Promise<void>;
  /** As if it were killed: nothing is told, and nothing is left to others. */
  die(): Promise<void>;
}

export interface PluginServerOptions {
  readonly hosts?: Partial<PluginHostsOptions>;
  readonly deliverer?: Partial<DelivererOptions>;
  readonly retries?: ExportRetries;
  readonly api?: PluginApi;
  readonly ttlMs?: number;
}

/** Where no plugin of a test exports. */
const NO_RETRIES: ExportRetries = {
  retryLater: () => Promise.reject(new Error("there is no job queue here")),
  giveUp: () => Promise.reject(new Error("there is no job queue here")),
};

/** Installs plugins for a team; their configs have the ids of their rows. */
export async function installedSpecs(
  database: Database,
  teamId: number,
  plugins: readonly TestPlugin[],
): Promise<PluginSpec[]> {
  const specs: PluginSpec[] = [];
  for (const plugin of plugins) {
    const { source, config = {}, name = `Plugin ${specs.length + 1}` } = plugin;
    const id = await installPlugin(database, { name, source, teamId, config });
    specs.push(specOf({ ...plugin, teamId }, id));
  }
  return specs;
}

export async function startPluginServer(
  database: Database,
  specs: readonly PluginSpec[],
  options: PluginServerOptions = {},
): Promise<PluginServer> {
  const log: PluginLogEntry[] = [];
  const hosts = new PluginHosts({ ...TEST_HOST_OPTIONS, ...options.hosts }, {
    log: { write: (entry) => log.push(entry) },
    reports: { failed: () => {}, loaded: () => {}, gaveUp: () => {} },
    api: options.api ?? {
      call: (_configs, calls) =>
        Promise.resolve(calls.map(() => ({ ok: false, error: "no store" }))),
    },
    breakers: new Breakers(null),
  });
  const id = randomUUID();
  const presence = new ServerPresence(database, { id, ttlMs: options.ttlMs ?? 60_000 });
  await presence.start();
  const cursors = new DeliveryCursors(database, id);
  const apply = async (next: readonly PluginSpec[]) => {
    await cursors.ensure(wantedCursors(next, hosts.targets));
    hosts.apply(next);
  };
  await apply(specs);
  const deliverer = new Deliverer({
    outbox: new PostgresOutbox(database),
    cursors,
    targets: hosts.targets,
    retries: options.retries ?? NO_RETRIES,
  }, { pollMs: 20, claimMs: 100, ...options.deliverer });
  deliverer.start();
  const pipeline = createPipeline(database, {}, hosts.chains, hosts.targets);
  let isDead = false;
  return {
    id,
    pipeline,
    hosts,
    deliverer,
    log,
    apply,
    printed: () => log.filter(({ source }) => source === "CONSOLE").map(({ message }) => message),
    logText: () => log.map(({ message }) => message).join("\n"),
    die: async () => {
      isDead = true;
      for (const host of hosts.hosts) if (host.pid !== null) Deno.kill(host.pid, "SIGKILL");
      await pipeline.drain(0, new AbortController().signal);
      await deliverer.abandon();
      await hosts.stop(0);
      await presence.abandon();
    },
    [Symbol.asyncDispose]: async () => {
      if (isDead) return;
      await pipeline.drain(5_000, new AbortController().signal);
      await deliverer.stop(2_000);
      await hosts.stop(2_000);
      await presence.stop();
    },
  };
}

/** Waits until something is so; fails with what it says otherwise. */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  otherwise: () => string,
  patienceMs = 20_000,
): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!await isSo()) {
    if (performance.now() > end) throw new Error(otherwise());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
