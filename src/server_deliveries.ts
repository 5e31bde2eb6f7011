/** The part of the composition root that tells plugins of stored events. */
import type { Config } from "./config/config.ts";
import { QueuedExports } from "./jobs/export_retries.ts";
import { Deliverer } from "./pipeline/deliver.ts";
import type { ExportCounters, ExportRetries } from "./pipeline/delivery/export_delivery.ts";
import type { PluginTargets } from "./pipeline/plugin_hooks.ts";
import type { PluginRecords } from "./pipeline/plugin_records.ts";
import type { Jobs } from "./server_jobs.ts";
import type { StopStack } from "./stop_stack.ts";
import type { DeliveryCursors } from "./stores/postgres/outbox/delivery_cursors.ts";
import type { PostgresOutbox } from "./stores/postgres/outbox/outbox.ts";

/** How long plugins may take for what was handed to them when the server stops. */
const STOP_MS = 5_000;

/** Where there is no job queue, batches wait in the outbox, and later ones behind them. */
const NO_QUEUE: ExportRetries = {
  retryLater: () => Promise.reject(new Error("there is no job queue (JOB_QUEUES)")),
  giveUp: () => Promise.reject(new Error("there is no job queue (JOB_QUEUES)")),
};

/** Starts the deliverer. What is started is put on `started`. */
export function startDeliveries(
  config: Config,
  parts: {
    readonly outbox: PostgresOutbox;
    readonly cursors: DeliveryCursors;
    readonly targets: PluginTargets;
    readonly jobs: Jobs | null;
    readonly counters: ExportCounters;
    readonly records: PluginRecords;
  },
  started: StopStack,
): Deliverer {
  const { jobs, ...others } = parts;
  const retries = jobs === null ? NO_QUEUE : new QueuedExports(jobs.queue, jobs.policies);
  const deliverer = new Deliverer({ ...others, retries }, {
    maxBytes: config.DELIVERY_MAX_BYTES,
    retentionHours: config.DELIVERY_RETENTION_HOURS,
  });
  deliverer.start();
  started.push("deliveries", () => deliverer.stop(STOP_MS));
  return deliverer;
}
