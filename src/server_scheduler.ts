/** The part of the composition root that runs scheduled tasks. */
import type { Config } from "./config/config.ts";
import { type ScheduledPlugin, Scheduler } from "./scheduler/scheduler.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Storage } from "./storage.ts";
import { PostgresLeaseStore } from "./stores/postgres/lease.ts";
import { ScheduleTicks } from "./stores/postgres/schedule/schedule_ticks.ts";
import type { ServerPresence } from "./stores/postgres/servers.ts";
import { RedisLeaseStore } from "./stores/redis/lease.ts";

const LOOK_MS = 1_000;
/** How long runs under way may take when the server stops. */
const STOP_MS = 5_000;

/** Starts the scheduler. What is started is put on `started`. */
export function startScheduler(
  config: Config,
  storage: Storage,
  parts: {
    readonly targets: { all(): readonly ScheduledPlugin[] };
    readonly presence: ServerPresence;
  },
  started: StopStack,
): Scheduler {
  const { database, redisUrl } = storage;
  // On Redis, where there is one, so that the server before and this one exclude each other.
  const leases = redisUrl === null
    ? new PostgresLeaseStore(database)
    : new RedisLeaseStore(redisUrl);
  started.push("schedule lock", () => leases.close());
  const scheduler = new Scheduler(
    { leases, ticks: new ScheduleTicks(database, parts.presence.id), plugins: parts.targets },
    { lockTtlMs: config.SCHEDULE_LOCK_TTL * 1000, lookMs: LOOK_MS },
  );
  scheduler.start();
  started.push("scheduler", () => scheduler.stop(STOP_MS));
  return scheduler;
}
