/**
 * The composition root: builds every part from the configuration, starts them in order, and stops
 * them in the opposite one. Only this file knows all parts.
 */
import { randomUUID } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import type { Config } from "./config/config.ts";
import { errorMessage } from "./errors.ts";
import { KnownDefinitions } from "./events/definitions.ts";
import { timeUuid } from "./events/uuid.ts";
import { CaptureHandler } from "./http/capture/handler.ts";
import { ClientAddress } from "./http/client_address.ts";
import { HttpServer } from "./http/server.ts";
import { Consumer } from "./pipeline/consumer.ts";
import { foldPersons } from "./pipeline/identify/fold.ts";
import { Pipeline, type PipelineParts } from "./pipeline/pipeline.ts";
import { CelerySource } from "./sources/celery/celery_source.ts";
import { GroupCommitInbox } from "./sources/group_commit_inbox.ts";
import { ParkedSource } from "./sources/parked/parked_source.ts";
import { QueueSource } from "./sources/queue/queue_source.ts";
import type { Source } from "./sources/source.ts";
import { Staleness } from "./staleness.ts";
import { StopStack } from "./stop_stack.ts";
import { openStorage, type Storage } from "./storage.ts";
import { migrate } from "./stores/migrations/migrate.ts";
import { GroupTypes } from "./stores/postgres/group_types.ts";
import { DeadLetters } from "./stores/postgres/dead_letters.ts";
import { EventRows } from "./stores/postgres/events/event_rows.ts";
import { type EventOutput, PostgresEventStore } from "./stores/postgres/events/event_store.ts";
import { ensureEventSeenPartitions } from "./stores/postgres/event_seen_partitions.ts";
import { createFirstProject, type Project } from "./stores/postgres/first_project.ts";
import { INBOX_CHANNEL, PostgresInbox } from "./stores/postgres/inbox/inbox.ts";
import { EVENTS_PER_PARKED_ROW, PostgresParking } from "./stores/postgres/parking/parking.ts";
import { PostgresPubSub } from "./stores/postgres/pubsub.ts";
import { Teams } from "./stores/postgres/teams.ts";
import { PostgresOutbox } from "./stores/postgres/outbox/outbox.ts";
import { DeliveryCursors } from "./stores/postgres/outbox/delivery_cursors.ts";
import { ServerPresence } from "./stores/postgres/servers.ts";
import { RequestedJobs } from "./jobs/requested_jobs.ts";
import { PluginMetrics } from "./plugins/metrics/plugin_metrics.ts";
import { startActions, type StartedActions } from "./server_actions.ts";
import { startKafka } from "./server_kafka.ts";
import { startDeliveries } from "./server_deliveries.ts";
import { openJobs, prepareJobs, startJobs } from "./server_jobs.ts";
import { startGeoIp } from "./server_mmdb.ts";
import { startRetention } from "./server_retention.ts";
import { startScheduler } from "./server_scheduler.ts";
import { startPlugins } from "./server_plugins.ts";
import { captureInternalMetrics, openTap, startTelemetry } from "./server_telemetry.ts";
import { sayStatus, watchServer } from "./server_watch.ts";
import { watchPlugins } from "./server_plugin_watch.ts";
import { startLivenessKeys } from "./stores/redis/liveness.ts";
import { SecretValues } from "./telemetry/secret_values.ts";
import { VERSION } from "./version.ts";

/** A running server. */
export interface Server {
  /** Where events are posted to, e.g. `http://127.0.0.1:8000`. */
  readonly address: string;
  /** Where the console is, e.g. `http://127.0.0.1:8010`; null where it is off. */
  readonly console: string | null;
  /** The project made on the first start, or null. */
  readonly firstProject: Project | null;
  /**
   * Takes nothing more, finishes what is in flight (or gives it back after the timeout), and closes
   * everything.
   */
  stop(): Promise<void>;
  /** Resolves with the ms without work once they are over STALENESS_RESTART_SECONDS; else never. */
  readonly stale: Promise<number>;
  /** Makes a stop wait for nothing that is in flight: it is given back at once. */
  hurry(): void;
}

/** Messages and bytes of one take. */
const TAKE = { takeItems: 500, takeBytes: 4 * 1024 * 1024 };

const PARTITION_CHECK_MS = 3_600_000;

/**
 * Starts a server.
 * @param secrets kept in step with the secrets in plugins' configs, so that the caller's log can mask
 *   them as everything does that the server stores
 * @throws PaddockError when a store is away or a setting cannot be used; what was started is stopped
 */
export async function startServer(
  config: Config,
  secrets: SecretValues = new SecretValues(),
): Promise<Server> {
  const started = new StopStack();
  try {
    return await start(config, secrets, started);
  } catch (error) {
    await started.stopAll(10_000);
    throw error;
  }
}

async function start(
  config: Config,
  secrets: SecretValues,
  started: StopStack,
): Promise<Server> {
  const log = getLogger(["paddock", "server"]);
  const began = performance.now();
  log.info(`Paddock ${VERSION} starts`);

  const telemetry = startTelemetry(config, started);
  const observer = telemetry.observers;
  const storage = await openStorage(config, "server", observer);
  started.push("storage", () => storage.close());
  log.info`storage: ${storage.description}`;
  const { database } = storage;
  const { applied, createdPosthogTables } = await migrate(database);
  if (applied.length > 0) log.info`tables: applied ${applied.join(", ")}`;
  const partitions = { retentionDays: config.EVENT_SEEN_RETENTION_DAYS };
  await ensureEventSeenPartitions(database, partitions);
  const timer = setInterval(() => {
    ensureEventSeenPartitions(database, partitions).catch((error) =>
      log.warn`the days of event_seen were not made: ${errorMessage(error)}`
    );
  }, PARTITION_CHECK_MS);
  started.push("partitions", () => Promise.resolve(clearInterval(timer)));
  // Never in a database that another application made: its first project is that one's to make.
  const firstProject = createdPosthogTables || storage.kind === "embedded"
    ? await createFirstProject(database)
    : null;

  const notifications = new PostgresPubSub(database);
  started.push("notifications", () => notifications.close());
  const tap = await openTap(database, notifications, started);
  const presence = new ServerPresence(database, {
    id: randomUUID(),
    ttlMs: config.SCHEDULE_LOCK_TTL * 1000,
  });
  await presence.start();
  started.push("presence", () => presence.stop());
  const jobs = openJobs(config, storage, secrets.mask, started);
  if (jobs !== null) await prepareJobs(config, jobs);
  const cursors = new DeliveryCursors(database, presence.id);
  const postgresInbox = new PostgresInbox(database);
  const kafka = await startKafka(config, {
    database,
    serverId: presence.id,
    tooLarge: postgresInbox,
    observer,
  }, started);
  const inbox = new GroupCommitInbox(kafka?.inbox ?? postgresInbox, () => queue.notify());
  const metrics = new PluginMetrics(inbox, (configId) => targets.get(configId), observer);
  started.push("plugin metrics", () => metrics.close());
  const geoip = startGeoIp(config, storage, started);
  const { hosts, records } = await startPlugins(
    config,
    storage,
    notifications,
    {
      serverId: presence.id,
      cursors,
      jobs: jobs?.quota ?? null,
      inbox,
      metrics,
      geoip,
      secrets,
      forwardLog: kafka?.forwardLog,
      observer,
      tap,
    },
    started,
  );
  const { chains, targets } = hosts;
  await watchPlugins(config, storage, { hosts, observers: observer, notifications }, started);
  const hurry = new AbortController();
  const outbox = new PostgresOutbox(database, () => deliverer.notify());
  const deliverer = startDeliveries(config, {
    outbox,
    cursors,
    targets,
    jobs,
    counters: metrics,
    records,
  }, started);
  const runner = jobs === null ? null : startJobs(config, storage, jobs, {
    targets,
    counters: metrics,
    history: kafka?.history ?? null,
    presence,
    records,
    hurry: hurry.signal,
  }, started);
  startRetention(config, database, started);
  const scheduler = startScheduler(config, storage, { targets, presence }, started);
  const actions = await startActions(config, storage, {
    jobs,
    presence,
    notifications,
    cohorts: kafka?.cohorts ?? null,
    hurry: hurry.signal,
    observer,
  }, started);
  const teams = new Teams(database);
  const parking = new PostgresParking(database);
  const pipeline = createPipeline(
    config,
    storage,
    outbox,
    kafka?.output ?? new EventRows(),
    actions,
    secrets,
    {
      parking,
      teams,
      chains,
      deliveries: targets,
      records,
      jobs: jobs === null ? null : new RequestedJobs(database, jobs.queue),
      observer,
      tap,
    },
  );

  captureInternalMetrics(config, telemetry, { inbox: postgresInbox, teams }, started);
  const leaseTtlMs = config.CELERY_LEASE_SECONDS * 1000;
  const queue: QueueSource = new QueueSource(
    postgresInbox,
    { subscribe: (onNews) => notifications.subscribe(INBOX_CHANNEL, onNews) },
    { leaseTtlMs },
  );
  const eventsPerRow = EVENTS_PER_PARKED_ROW;
  const parked = new ParkedSource(parking, pipeline.lanes, { leaseTtlMs, eventsPerRow });
  const sources: Source[] = kafka === null ? [parked, queue] : [parked, kafka.source, queue];
  if (storage.redisUrl !== null) {
    const { PLUGINS_CELERY_QUEUE: name } = config;
    const options = { redisUrl: storage.redisUrl, queue: name ?? "", leaseTtlMs, observer };
    sources.push(new CelerySource(options));
    started.push("liveness", startLivenessKeys(storage.redisUrl, VERSION, config.JOB_QUEUES));
  }
  const consumers = sources.map((source) => new Consumer(source, pipeline, TAKE));
  for (const source of sources) {
    started.push(source.name, () => source.close());
    await source.open();
  }
  const patience = config.SHUTDOWN_TIMEOUT_SECONDS * 1000;
  pipeline.start();
  started.push("pipeline", () => pipeline.drain(patience, hurry.signal));
  for (const consumer of consumers) consumer.start();
  started.push("consumers", async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop()));
  });
  log.info`takes events from ${
    sources.filter((source) => source !== parked).map(({ name }) => name).join(" and ")
  }`;

  const watch = watchServer(config, telemetry, {
    database,
    pipeline,
    consumers,
    hosts,
    jobs,
    runner,
    deliverer,
    scheduler,
    geoip,
    kafka,
  }, started);
  const http = new HttpServer({
    capture: new CaptureHandler({
      inbox,
      tokens: teams,
      clients: new ClientAddress(config.TRUSTED_PROXIES),
      limits: {
        maxBytes: config.HTTP_MAX_BODY_BYTES,
        maxDecompressedBytes: config.HTTP_MAX_DECOMPRESSED_BYTES,
      },
    }),
    health: () => watch.health.report(),
    metrics: () => telemetry.metrics.text(),
  }, { host: config.HTTP_HOST ?? "127.0.0.1", port: config.HTTP_PORT });
  started.push("http", () => http.close());
  log.info`events are accepted at ${http.address}`;
  const identity = {
    serverId: presence.id,
    address: http.address,
    startedAt: new Date().toISOString(),
  };
  sayStatus(identity, watch, database, started);
  const console = await openConsole(config, storage, {
    pipeline,
    hosts,
    sources,
    health: () => watch.health.report(),
    jobs,
    notifications,
    telemetry,
  }, started);
  log.info`ready after ${Math.round(performance.now() - began)} ms`;

  const staleness = new Staleness(
    () => pipeline.idleMs,
    config.STALENESS_RESTART_SECONDS * 1000,
  );
  staleness.noticed.then(() => telemetry.statsd?.stale());
  started.push("staleness", () => Promise.resolve(staleness.stop()));
  let stopping: Promise<void> | null = null;
  return {
    stale: staleness.noticed,
    address: http.address,
    console,
    firstProject,
    hurry: () => hurry.abort(),
    stop: () =>
      stopping ??= (async () => {
        await started.stopAll(patience + 10_000);
        const { counters } = pipeline;
        log.info`stopped: ${counters.stored} events stored, ${counters.deadLettered} dead letters`;
      })(),
  };
}

/** What the console is made of is read only where there is one. */
async function openConsole(
  ...parts: Parameters<typeof import("./server_console.ts").startConsole>
): Promise<string | null> {
  if (!parts[0].CONSOLE_HOST) return null;
  const { startConsole } = await import("./server_console.ts");
  return startConsole(...parts);
}

function createPipeline(
  config: Config,
  storage: Storage,
  outbox: PostgresOutbox,
  output: EventOutput,
  actions: StartedActions,
  secrets: SecretValues,
  parts: Omit<PipelineParts, "store" | "definitions" | "actions">,
): Pipeline {
  const { database } = storage;
  const definitions = new KnownDefinitions();
  const store = new PostgresEventStore({
    database,
    fold: foldPersons,
    newUuid: timeUuid,
    deadLetters: new DeadLetters(secrets.mask),
    outbox,
    output,
    groupTypes: new GroupTypes(database),
    definitions,
    actions: actions.rows,
    ensurePartitions: () =>
      ensureEventSeenPartitions(database, { retentionDays: config.EVENT_SEEN_RETENTION_DAYS }),
  });
  return new Pipeline({ ...parts, store, definitions, actions: actions.intents }, {
    writers: config.WRITER_CONNECTIONS,
    writeBatchSize: config.WRITE_BATCH_SIZE,
    maxEvents: config.PIPELINE_MAX_EVENTS,
    maxBytes: config.PIPELINE_MAX_BYTES,
    eventMaxBytes: config.EVENT_MAX_BYTES,
  });
}
