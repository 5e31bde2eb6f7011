/** The part of the composition root that is about the job queue. */
import { getLogger } from "@logtape/logtape";
import type { Config } from "./config/config.ts";
import { errorMessage, PaddockError } from "./errors.ts";
import { type EventHistory, HistoricalExport } from "./jobs/historical_export.ts";
import { JobQueue } from "./jobs/job_queue.ts";
import { JobQuota } from "./jobs/job_quota.ts";
import { JobRunner } from "./jobs/job_runner.ts";
import type { JobPolicies } from "./jobs/job_settings.ts";
import { JobUpkeep } from "./jobs/job_upkeep.ts";
import { LegacyJobs } from "./jobs/legacy_jobs.ts";
import { PluginJobs } from "./jobs/plugin_jobs.ts";
import { migrateJobSchema } from "./jobs/schema.ts";
import type { ExportCounters } from "./pipeline/delivery/export_delivery.ts";
import type { PluginTargets } from "./pipeline/plugin_hooks.ts";
import type { PluginRecords } from "./pipeline/plugin_records.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Storage } from "./storage.ts";
import { Database } from "./stores/postgres/database.ts";
import { StoredEvents } from "./stores/postgres/events/stored_events.ts";
import { PluginStorage } from "./stores/postgres/plugin_storage.ts";
import type { ServerPresence } from "./stores/postgres/servers.ts";
import type { Mask } from "./telemetry/secret_values.ts";
import { VERSION } from "./version.ts";

/** The job queue, as the configuration means it. */
export interface Jobs {
  readonly queue: JobQueue;
  /** The same for plugins, each of which may have so many jobs. */
  readonly quota: JobQuota;
  readonly policies: JobPolicies;
  /** That of the queue. */
  readonly database: Database;
  readonly connectionString: string;
  /** Of the server before. */
  readonly legacySchema: string;
  /** Hides what no reason of a failure may show. */
  readonly mask: Mask;
}

const UPKEEP_MS = 5_000;
const LEGACY_MS = 2_000;
const POLL_MS = 1_000;
/** Batches of the queue that are exported again at a time: each may be large. */
const EXPORTS_AT_ONCE = 4;

/**
 * Which queues JOB_QUEUES names: the one on Postgres, or none.
 * @throws PaddockError PDK_CONFIG_INVALID for a queue that there is not
 */
export function hasJobQueue(config: Config): boolean {
  for (const name of config.JOB_QUEUES) {
    if (name === "graphile") continue;
    const hint = name === "s3" || name === "fs"
      ? "take it out: jobs are kept in Postgres with the events, so that no other queue is needed"
      : "there is 'graphile' and no other";
    throw new PaddockError(
      "PDK_CONFIG_INVALID",
      `JOB_QUEUES: unknown job queue '${name}': ${hint}`,
    );
  }
  return config.JOB_QUEUES.length > 0;
}

/** Opens the queue's database. Null where there is to be no queue. */
export function openJobs(
  config: Config,
  storage: Storage,
  mask: Mask,
  started: StopStack,
): Jobs | null {
  if (!hasJobQueue(config)) return null;
  const connectionString = config.JOB_QUEUE_GRAPHILE_URL || storage.databaseUrl;
  let { database } = storage;
  if (connectionString !== storage.databaseUrl) {
    const own = new Database({
      connectionString,
      max: 4,
      applicationName: `paddock jobs ${VERSION}`,
      timeoutMs: config.DATABASE_TIMEOUT_SECONDS * 1000,
    });
    started.push("job database", () => own.close());
    database = own;
  }
  const policies: JobPolicies = {
    plugin: { attempts: config.JOB_ATTEMPTS, firstWaitSeconds: config.JOB_RETRY_SECONDS },
    export: { attempts: config.EXPORT_ATTEMPTS, firstWaitSeconds: config.EXPORT_RETRY_SECONDS },
  };
  const queue = new JobQueue(database, policies, mask);
  return {
    queue,
    quota: new JobQuota(queue, config.JOB_MAX_PER_CONFIG),
    policies,
    database,
    connectionString,
    legacySchema: config.JOB_QUEUE_GRAPHILE_SCHEMA ?? "graphile_worker",
    mask,
  };
}

/**
 * Makes the queue's schema.
 * @throws PaddockError PDK_DATABASE_UNAVAILABLE where that fails and there has to be a queue
 */
export async function prepareJobs(config: Config, jobs: Jobs): Promise<void> {
  try {
    await migrateJobSchema(jobs.connectionString);
  } catch (error) {
    const message = `the job queue (JOB_QUEUE_GRAPHILE_URL) cannot be used: ${errorMessage(error)}`;
    if (config.CRASH_IF_NO_PERSISTENT_JOB_QUEUE) {
      throw new PaddockError("PDK_DATABASE_UNAVAILABLE", message, { cause: error });
    }
    getLogger(["paddock", "jobs"]).warn`${message}; it is tried again and again`;
  }
}

/** Starts running jobs; the result says why none are, or null. What is started is put on `started`. */
export function startJobs(
  config: Config,
  storage: Storage,
  jobs: Jobs,
  parts: {
    readonly targets: PluginTargets;
    readonly counters: ExportCounters;
    /** Where events of before are; null is the database. */
    readonly history: EventHistory | null;
    readonly presence: ServerPresence;
    readonly records: PluginRecords;
    /** Ends the waiting for jobs that run. */
    readonly hurry: AbortSignal;
  },
  started: StopStack,
): { readonly unavailable: string | null } {
  const { queue, database, policies, connectionString } = jobs;
  const { targets, counters } = parts;
  const history = new HistoricalExport(
    parts.history ?? new StoredEvents(storage.database),
    new PluginStorage(storage.database),
    queue,
    policies.export,
  );
  const pluginJobs = new PluginJobs({
    targets,
    database: storage.database,
    history,
    counters,
    records: parts.records,
  }, policies);
  const runners = (["plugin", "export"] as const).map((kind) =>
    new JobRunner(database, pluginJobs.tasks(kind), parts.presence, {
      takesMany: kind === "plugin",
      connectionString,
      concurrency: kind === "plugin" ? config.JOB_CONCURRENCY : EXPORTS_AT_ONCE,
      preparedStatements: config.JOB_QUEUE_GRAPHILE_PREPARED_STATEMENTS,
      pollMs: POLL_MS,
      timeoutMs: config.DATABASE_TIMEOUT_SECONDS * 1000,
      mask: jobs.mask,
    })
  );
  for (const runner of runners) runner.start();
  const patience = config.SHUTDOWN_TIMEOUT_SECONDS * 1000;
  started.push("jobs", async () => {
    await Promise.all(runners.map((runner) => runner.stop(patience, parts.hurry)));
  });
  const upkeep = new JobUpkeep(database, queue, parts.presence, {
    everyMs: UPKEEP_MS,
    deadRetentionDays: config.JOB_DEAD_RETENTION_DAYS,
  });
  upkeep.start();
  started.push("job upkeep", () => upkeep.stop());
  const legacy = new LegacyJobs(database, queue, jobs.legacySchema);
  legacy.start(LEGACY_MS);
  started.push("jobs of the server before", () => legacy.stop());
  return {
    get unavailable() {
      return runners.find(({ unavailable }) => unavailable !== null)?.unavailable ?? null;
    },
  };
}
