/** The part of the composition root that is about plugins. */
import { randomUUID } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import type { Config } from "./config/config.ts";
import { errorMessage } from "./errors.ts";
import type { JobSink } from "./jobs/new_job.ts";
import { CaptureCalls } from "./plugins/api/capture_calls.ts";
import { GeoIpCalls, type Locator } from "./plugins/api/geoip_calls.ts";
import { MetricCalls } from "./plugins/api/metric_calls.ts";
import type { PluginMetrics } from "./plugins/metrics/plugin_metrics.ts";
import { JobCalls } from "./plugins/api/job_calls.ts";
import { RoutedCalls } from "./plugins/api/routed_calls.ts";
import { StoredPluginApi } from "./plugins/api/plugin_api.ts";
import { breakerOptions } from "./plugins/breaker/breaker.ts";
import { BreakerTable } from "./plugins/breaker/breaker_table.ts";
import { Breakers } from "./plugins/breaker/breakers.ts";
import { EgressGateway } from "./plugins/egress/egress_gateway.ts";
import { EgressRefusals } from "./plugins/egress/egress_refusals.ts";
import { parseNamedGrants, PluginGrants } from "./plugins/grants/plugin_grants.ts";
import { HOST_RUNTIME } from "./plugins/hosts/host_command.ts";
import { configIdsOf, wantedCursors } from "./plugins/hosts/host_targets.ts";
import { PluginHosts, type PluginHostsOptions } from "./plugins/hosts/plugin_hosts.ts";
import { PluginLogWriter } from "./plugins/logs/plugin_log_writer.ts";
import { PluginReportWriter } from "./plugins/logs/plugin_report_writer.ts";
import { storedSecrets } from "./plugins/registry/stored_secrets.ts";
import { PluginRegistry } from "./plugins/registry/plugin_registry.ts";
import { WorkingVersions } from "./plugins/registry/working_versions.ts";
import { RELOAD_CHANNEL, Reloader } from "./plugins/registry/reloader.ts";
import { siteAddress } from "./plugins/site/site_address.ts";
import { SiteClient } from "./plugins/site/site_client.ts";
import type { SecretValues } from "./telemetry/secret_values.ts";
import type { PluginRecords } from "./pipeline/plugin_records.ts";
import type { Inbox } from "./sources/inbox.ts";
import type { EventTap } from "./telemetry/event_tap.ts";
import type { Observer } from "./telemetry/observer.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Storage } from "./storage.ts";
import { SetupFailures } from "./stores/postgres/setup_failures.ts";
import { PostgresSiteKeys } from "./stores/postgres/site_keys.ts";
import { PostgresPluginCache } from "./stores/postgres/plugin_cache.ts";
import { PluginStorage } from "./stores/postgres/plugin_storage.ts";
import type { DeliveryCursors } from "./stores/postgres/outbox/delivery_cursors.ts";
import type { PluginLogLine } from "./stores/kafka/messages/plugin_log_message.ts";
import type { PubSub } from "./stores/pubsub.ts";
import { RedisPluginCache } from "./stores/redis/plugin_cache.ts";
import { RedisPubSub } from "./stores/redis/pubsub.ts";

/** The Postgres channel on which servers say that a plugin's state changed. */
const STATE_CHANNEL = "paddock_plugin_states";

/** How long plugins may take to tear down when the server stops. */
const TEARDOWN_MS = 5_000;

/** What plugins need besides being sent events. */
export interface PluginDeliveries {
  /** Of this server, among those that run. */
  readonly serverId: string;
  readonly cursors: DeliveryCursors;
  /** Where the jobs go that they ask for; null where there is no queue. */
  readonly jobs: JobSink | null;
  /** Where the events go that they capture. */
  readonly inbox: Inbox;
  /** What plugins count. */
  readonly metrics: PluginMetrics;
  /** Who knows where addresses are. */
  readonly geoip: Locator;
  /** Kept in step with what configs hold. */
  readonly secrets: SecretValues;
  /** Told of each stored line of a plugin's log. */
  readonly forwardLog: ((line: PluginLogLine) => void) | undefined;
  /** Told of what plugins do. */
  readonly observer: Observer;
  /** Shows passing events to whoever asks. */
  readonly tap: EventTap;
}

/** What was started of plugins. */
export interface StartedPlugins {
  readonly hosts: PluginHosts;
  /** What they say. */
  readonly records: PluginRecords;
}

/** Loads the plugins and keeps them in step with their rows. What is started is put on `started`. */
export async function startPlugins(
  config: Config,
  storage: Storage,
  notifications: PubSub,
  deliveries: PluginDeliveries,
  started: StopStack,
): Promise<StartedPlugins> {
  const { database, redisUrl } = storage;
  const log = getLogger(["paddock", "plugins"]);
  const instanceId = randomUUID();
  const pluginLog = new PluginLogWriter(
    database,
    instanceId,
    deliveries.observer,
    deliveries.secrets.mask,
    deliveries.forwardLog,
  );
  started.push("plugin logs", () => pluginLog.close());
  const reports = new PluginReportWriter(
    database,
    new SetupFailures(database, deliveries.serverId),
    () => {
      // To this server as well.
      notifications.publish(RELOAD_CHANNEL, "").catch(() => reloader.request());
    },
    deliveries.secrets.mask,
  );
  started.push("plugin states", () => reports.close());
  const cache = redisUrl === null
    ? new PostgresPluginCache(database)
    : new RedisPluginCache(redisUrl, deliveries.observer);
  started.push("plugin cache", () => cache.close());
  const stores = new StoredPluginApi(cache, new PluginStorage(database));
  const breakers = new Breakers(
    new BreakerTable(database),
    breakerOptions(config.TASK_TIMEOUT * 1000),
    () =>
      notifications.publish(STATE_CHANNEL, "").catch((error) =>
        log.warn`other servers were not told of a plugin's state: ${errorMessage(error)}`
      ),
  );
  started.push("plugin breakers", () => breakers.close());
  const refusals = new EgressRefusals(database, deliveries.secrets.mask);
  started.push("plugin refusals", () => refusals.close());
  const egress = new EgressGateway((refusal) => hosts.refused(refusal));
  started.push("egress gateway", () => egress.stop());
  const hosts: PluginHosts = new PluginHosts(hostOptions(config, instanceId), {
    log: pluginLog,
    reports,
    api: new RoutedCalls({
      cache: stores,
      storage: stores,
      jobs: new JobCalls(deliveries.jobs),
      metrics: new MetricCalls(deliveries.metrics),
      geoip: new GeoIpCalls(deliveries.geoip, deliveries.observer),
      "posthog.capture": new CaptureCalls(deliveries.inbox),
    }),
    breakers,
    egress,
    refusals,
    observer: deliveries.observer,
    tap: deliveries.tap,
    worked: (spec, exports) => void registry.worked(spec, exports),
    site: new SiteClient(siteAddress(config.SITE_URL), new PostgresSiteKeys(database)),
  });
  started.push("plugins", () => hosts.stop(TEARDOWN_MS));
  const registry = new PluginRegistry(
    {
      database,
      grants: new PluginGrants(database),
      log: pluginLog,
      reports,
      working: new WorkingVersions(database),
    },
    {
      baseDir: config.BASE_DIR ?? ".",
      namedGrants: parseNamedGrants(config.PLUGIN_NET_GRANTS ?? ""),
      netDefault: config.PLUGIN_NET_DEFAULT,
      isolation: config.PLUGIN_ISOLATION,
    },
  );
  const restrict = async () => hosts.restrict(await registry.inForce());
  const reloader: Reloader = new Reloader(restrict, async () => {
    deliveries.secrets.replace(await storedSecrets(database));
    const specs = await registry.load();
    await breakers.sync(specs);
    // Before the plugins are in force, so that not one event is stored that they are not told of.
    hosts.targets.waitFor(
      await deliveries.cursors.ensure(wantedCursors(specs, hosts.targets), configIdsOf(specs)),
    );
    hosts.apply(specs, registry.takeBefore(specs));
  });
  await reloader.now();
  started.push("plugin reload", () => reloader.stop());

  const channel = config.PLUGINS_RELOAD_PUBSUB_CHANNEL ?? "reload-plugins";
  await notifications.subscribe(RELOAD_CHANNEL, () => reloader.request());
  await notifications.subscribe(STATE_CHANNEL, () => {
    breakers.refresh().catch((error) =>
      log.warn`the states of plugins were not read: ${errorMessage(error)}`
    );
  });
  if (redisUrl !== null) {
    const pubsub = new RedisPubSub(redisUrl);
    started.push("plugin reload channel", () => pubsub.close());
    await pubsub.subscribe(channel, () => reloader.request()).catch((error) =>
      log.warn`not listening on ${channel}: ${errorMessage(error)}`
    );
  }
  return { hosts, records: pluginLog };
}

/** What the configuration says of plugin processes. */
export function hostOptions(config: Config, instanceId: string): PluginHostsOptions {
  return {
    runtime: HOST_RUNTIME,
    taskTimeoutMs: config.TASK_TIMEOUT * 1000,
    tasksPerWorker: config.TASKS_PER_WORKER,
    limits: {
      heapMb: config.PLUGIN_HEAP_MB,
      dataMb: config.PLUGIN_DATA_MB,
      nice: config.PLUGIN_NICE,
    },
    logLinesPerSecond: config.PLUGIN_LOG_LINES_PER_SECOND,
    logLineLength: config.PLUGIN_LOG_LINE_LENGTH,
    idleMs: config.PLUGIN_IDLE_SECONDS * 1000,
    workers: config.WORKER_CONCURRENCY || navigator.hardwareConcurrency,
    slowLaneEvents: config.PLUGIN_SLOW_LANE_EVENTS,
    startsAtOnce: config.PLUGIN_STARTS_AT_ONCE,
    egress: {
      requests: config.PLUGIN_REQUESTS_IN_FLIGHT,
      requestMs: config.PLUGIN_REQUEST_SECONDS * 1000,
      bytesPerMinute: config.PLUGIN_TRAFFIC_MB_PER_MINUTE * 1024 * 1024,
    },
    instanceId,
  };
}
