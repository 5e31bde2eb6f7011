/** The part of the composition root that is about actions, webhooks and REST hooks. */
import { getLogger } from "@logtape/logtape";
import { ActionCatalog, DROP_ACTION, RELOAD_ACTION } from "./actions/action_catalog.ts";
import { EventActions } from "./actions/event_actions.ts";
import { HookClient } from "./actions/hook_client.ts";
import { HookDispatcher } from "./actions/hook_dispatcher.ts";
import { HookIndex } from "./actions/hook_index.ts";
import { HookQuota } from "./actions/hook_quota.ts";
import { HookJobs } from "./actions/hook_jobs.ts";
import type { Config } from "./config/config.ts";
import { errorMessage, PaddockError } from "./errors.ts";
import { HOOK_TASK } from "./jobs/job_payload.ts";
import { JobRunner } from "./jobs/job_runner.ts";
import type { ActionIntents } from "./pipeline/pipeline.ts";
import { checkGrant } from "./plugins/grants/grant.ts";
import type { Jobs } from "./server_jobs.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Storage } from "./storage.ts";
import { ActionMatches } from "./stores/postgres/action_matches.ts";
import { Actions } from "./stores/postgres/actions.ts";
import { ActionRows, type CohortsElsewhere } from "./stores/postgres/events/action_rows.ts";
import { Hooks } from "./stores/postgres/hooks.ts";
import type { ServerPresence } from "./stores/postgres/servers.ts";
import type { PubSub } from "./stores/pubsub.ts";
import type { Observer } from "./telemetry/observer.ts";
import { RedisPubSub } from "./stores/redis/pubsub.ts";

/** How often all actions are read anew: PostHog's server before did it as often. */
const RELOAD_MS = 300_000;
/** How often it is looked up which actions have hooks. */
const HOOK_INDEX_MS = 10_000;
const POLL_MS = 1_000;

/** What the pipeline and the store need of actions. */
export interface StartedActions {
  readonly intents: ActionIntents;
  readonly rows: ActionRows;
}

/** Reads the actions, keeps them in step with their rows, and starts what tells hooks of matches. */
export async function startActions(
  config: Config,
  storage: Storage,
  parts: {
    readonly jobs: Jobs | null;
    readonly presence: ServerPresence;
    /** Used where there is no Redis. */
    readonly notifications: PubSub;
    /** Where ClickHouse has cohorts of its own. */
    readonly cohorts: CohortsElsewhere | null;
    /** Ends the waiting for requests under way. */
    readonly hurry: AbortSignal;
    readonly observer: Observer;
  },
  started: StopStack,
): Promise<StartedActions> {
  const { database, redisUrl } = storage;
  const log = getLogger(["paddock", "actions"]);
  const catalog = new ActionCatalog(new Actions(database));
  await catalog.load();
  const timer = setInterval(() => catalog.obey(RELOAD_ACTION, ""), RELOAD_MS);
  started.push("actions", () => Promise.resolve(clearInterval(timer)));
  let channels = parts.notifications;
  if (redisUrl !== null) {
    channels = new RedisPubSub(redisUrl);
    started.push("action channels", () => channels.close());
  }
  for (const channel of [RELOAD_ACTION, DROP_ACTION]) {
    await channels.subscribe(channel, (message) => catalog.obey(channel, message)).catch((error) =>
      log.warn`not listening on ${channel}: ${errorMessage(error)}`
    );
  }
  const hooks = new Hooks(database);
  const index = new HookIndex(() => hooks.hooked());
  const rows = (onKept: () => void) =>
    new ActionRows(new EventActions(catalog, index), onKept, parts.cohorts, parts.observer);
  if (parts.jobs === null) {
    log.warn("webhooks and REST hooks are told of nothing: JOB_QUEUES names no queue");
    return { intents: catalog, rows: rows(() => {}) };
  }
  await index.refresh();
  index.start(HOOK_INDEX_MS);
  started.push("hook index", () => index.stop());
  startHookJobs(config, hooks, parts.jobs, parts, started);
  const dispatcher = startDispatcher(config, storage, parts.jobs, started);
  return { intents: catalog, rows: rows(() => dispatcher.notify()) };
}

function startHookJobs(
  config: Config,
  hooks: Hooks,
  { database, connectionString }: Jobs,
  { presence, hurry, observer }: {
    readonly presence: ServerPresence;
    readonly hurry: AbortSignal;
    readonly observer: Observer;
  },
  started: StopStack,
): void {
  const client = new HookClient({
    grants: hookGrants(config.HOOK_NET_GRANTS),
    timeoutMs: config.HOOK_TIMEOUT_SECONDS * 1000,
  });
  const jobs = new HookJobs(
    client,
    hooks,
    {
      attempts: config.HOOK_ATTEMPTS,
      firstWaitSeconds: config.HOOK_RETRY_SECONDS,
    },
    config.HOOK_CONCURRENCY,
    observer,
  );
  const tasks = { [HOOK_TASK]: (job: unknown, attempt: number) => jobs.run(job, attempt) };
  const runner = new JobRunner(database, tasks, presence, {
    takesMany: true,
    connectionString,
    concurrency: config.HOOK_CONCURRENCY,
    preparedStatements: config.JOB_QUEUE_GRAPHILE_PREPARED_STATEMENTS,
    pollMs: POLL_MS,
    timeoutMs: config.DATABASE_TIMEOUT_SECONDS * 1000,
  });
  runner.start();
  const patience = config.SHUTDOWN_TIMEOUT_SECONDS * 1000;
  started.push("hook jobs", () => runner.stop(patience, hurry));
}

function startDispatcher(
  config: Config,
  storage: Storage,
  jobs: Jobs,
  started: StopStack,
): HookDispatcher {
  const isSamePlace = jobs.database === storage.database;
  const quota = new HookQuota(
    (teamId) => jobs.queue.waitingHooks(teamId),
    config.HOOK_MAX_PER_TEAM,
  );
  const kept = new ActionMatches(storage.database, async (tx, made) => {
    const admitted = await quota.admitted(made);
    // In another database the jobs are durable before the matches are forgotten, and may be doubled.
    await (isSamePlace ? jobs.queue.add(tx, admitted) : jobs.queue.enqueue(admitted));
  });
  const dispatcher = new HookDispatcher(kept, {
    siteUrl: config.SITE_URL || null,
    attempts: config.HOOK_ATTEMPTS,
  });
  dispatcher.start();
  started.push("hook dispatcher", () => dispatcher.stop());
  return dispatcher;
}

/** @throws PaddockError PDK_CONFIG_INVALID naming the entry */
function hookGrants(entries: readonly string[]): string[] {
  return entries.map((entry) => {
    try {
      return checkGrant(entry);
    } catch (error) {
      throw new PaddockError("PDK_CONFIG_INVALID", `HOOK_NET_GRANTS: ${errorMessage(error)}`);
    }
  });
}
