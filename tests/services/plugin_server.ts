/** The parts of a server that tell plugins of stored events, on a real database and a real fence. */
import { randomUUID } from "node:crypto";
import { QueuedExports } from "../../src/jobs/export_retries.ts";
import { HistoricalExport } from "../../src/jobs/historical_export.ts";
import { JobQueue } from "../../src/jobs/job_queue.ts";
import { JobRunner } from "../../src/jobs/job_runner.ts";
import type { JobPolicies } from "../../src/jobs/job_settings.ts";
import { JobUpkeep } from "../../src/jobs/job_upkeep.ts";
import { PluginJobs } from "../../src/jobs/plugin_jobs.ts";
import { RequestedJobs } from "../../src/jobs/requested_jobs.ts";
import { migrateJobSchema } from "../../src/jobs/schema.ts";
import { Deliverer, type DelivererOptions } from "../../src/pipeline/deliver.ts";
import type { ExportRetries } from "../../src/pipeline/delivery/export_delivery.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import { CaptureCalls } from "../../src/plugins/api/capture_calls.ts";
import { MetricCalls } from "../../src/plugins/api/metric_calls.ts";
import { PluginMetrics } from "../../src/plugins/metrics/plugin_metrics.ts";
import { PostgresInbox } from "../../src/stores/postgres/inbox/inbox.ts";
import { JobCalls } from "../../src/plugins/api/job_calls.ts";
import { RoutedCalls } from "../../src/plugins/api/routed_calls.ts";
import { Breakers } from "../../src/plugins/breaker/breakers.ts";
import { EgressGateway } from "../../src/plugins/egress/egress_gateway.ts";
import { EgressRefusals } from "../../src/plugins/egress/egress_refusals.ts";
import { configIdsOf, wantedCursors } from "../../src/plugins/hosts/host_targets.ts";
import { PluginHosts, type PluginHostsOptions } from "../../src/plugins/hosts/plugin_hosts.ts";
import type { PluginApi, PluginLogEntry, PluginSpec } from "../../src/plugins/types.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { DeliveryCursors } from "../../src/stores/postgres/outbox/delivery_cursors.ts";
import { PostgresOutbox } from "../../src/stores/postgres/outbox/outbox.ts";
import { StoredEvents } from "../../src/stores/postgres/events/stored_events.ts";
import { PluginStorage } from "../../src/stores/postgres/plugin_storage.ts";
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
  /** Where it was started with jobs. */
  readonly jobs: JobQueue | null;
  readonly runners: readonly JobRunner[];
  readonly metrics: PluginMetrics;
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
  readonly api?: PluginApi;
  readonly ttlMs?: number;
  /** The address of the job queue's database, and how often its jobs are tried. */
  readonly jobs?: { readonly url: string; readonly policies?: Partial<JobPolicies> };
}

const POLICIES: JobPolicies = {
  plugin: { attempts: 3, firstWaitSeconds: 0.2 },
  export: { attempts: 3, firstWaitSeconds: 0.2 },
};

/** The queue in its schema, with short waits. */
export async function createJobQueue(
  database: Database,
  url: string,
  policies: Partial<JobPolicies> = {},
): Promise<JobQueue> {
  await migrateJobSchema(url);
  return new JobQueue(database, { ...POLICIES, ...policies });
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
  const policies = { ...POLICIES, ...options.jobs?.policies };
  const jobs = options.jobs === undefined
    ? null
    : await createJobQueue(database, options.jobs.url, policies);
  const others: PluginApi = options.api ?? {
    call: (_configs, calls) => Promise.resolve(calls.map(() => ({ ok: false, error: "no store" }))),
  };
  const metrics = new PluginMetrics(
    new PostgresInbox(database),
    (configId) => hosts.targets.get(configId),
  );
  const refusals = new EgressRefusals(null);
  const egress = new EgressGateway((refusal) => hosts.refused(refusal));
  const hosts: PluginHosts = new PluginHosts({ ...TEST_HOST_OPTIONS, ...options.hosts }, {
    log: { write: (entry) => log.push(entry) },
    reports: { failed: () => {}, loaded: () => {}, ready: () => {}, gaveUp: () => {} },
    api: new RoutedCalls({
      cache: others,
      storage: others,
      jobs: new JobCalls(jobs),
      metrics: new MetricCalls(metrics),
      "posthog.capture": new CaptureCalls(new PostgresInbox(database)),
    }),
    breakers: new Breakers(null),
    egress,
    refusals,
  });
  const id = randomUUID();
  const presence = new ServerPresence(database, { id, ttlMs: options.ttlMs ?? 60_000 });
  await presence.start();
  const cursors = new DeliveryCursors(database, id);
  const apply = async (next: readonly PluginSpec[]) => {
    hosts.targets.waitFor(
      await cursors.ensure(wantedCursors(next, hosts.targets), configIdsOf(next)),
    );
    hosts.apply(next);
  };
  await apply(specs);
  const deliverer = new Deliverer({
    outbox: new PostgresOutbox(database),
    cursors,
    targets: hosts.targets,
    counters: metrics,
    retries: jobs === null ? NO_RETRIES : new QueuedExports(jobs, policies),
  }, { pollMs: 20, claimMs: 100, ...options.deliverer });
  deliverer.start();
  const { jobs: jobOptions } = options;
  const pluginJobs = jobs === null ? null : new PluginJobs({
    targets: hosts.targets,
    database,
    history: new HistoricalExport(
      new StoredEvents(database),
      new PluginStorage(database),
      jobs,
      policies.export,
    ),
    counters: metrics,
  }, policies);
  const runners = pluginJobs === null || jobOptions === undefined
    ? []
    : (["plugin", "export"] as const).map((kind) =>
      new JobRunner(database, pluginJobs.tasks(kind), presence, {
        takesMany: kind === "plugin",
        connectionString: jobOptions.url,
        concurrency: kind === "plugin" ? 50 : 4,
        preparedStatements: true,
        pollMs: 100,
      })
    );
  for (const each of runners) each.start();
  const upkeep = jobs === null
    ? null
    : new JobUpkeep(database, jobs, presence, { everyMs: 200, deadRetentionDays: 7 });
  upkeep?.start();
  const intake = jobs === null ? null : new RequestedJobs(database, jobs);
  const pipeline = createPipeline(database, {}, hosts.chains, hosts.targets, intake);
  let isDead = false;
  return {
    id,
    pipeline,
    hosts,
    deliverer,
    log,
    jobs,
    runners,
    metrics,
    apply,
    printed: () => log.filter(({ source }) => source === "CONSOLE").map(({ message }) => message),
    logText: () => log.map(({ message }) => message).join("\n"),
    die: async () => {
      isDead = true;
      for (const host of hosts.hosts) if (host.pid !== null) Deno.kill(host.pid, "SIGKILL");
      await pipeline.drain(0, new AbortController().signal);
      await deliverer.abandon();
      await upkeep?.stop();
      await Promise.all(runners.map((each) => each.abandon()));
      await hosts.stop(0);
      await metrics.close();
      await egress.stop();
      await refusals.close();
      await presence.abandon();
    },
    [Symbol.asyncDispose]: async () => {
      if (isDead) return;
      await pipeline.drain(5_000, new AbortController().signal);
      await deliverer.stop(2_000);
      await upkeep?.stop();
      await Promise.all(runners.map((each) => each.stop(5_000)));
      await hosts.stop(2_000);
      await metrics.close();
      await egress.stop();
      await refusals.close();
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
