/** A plugin tried in the real fence without a server: its stores are in memory, its jobs are noted. */
import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "./config/config.ts";
import type { JsonObject, RawEvent } from "./events/types.ts";
import type { NewJob } from "./jobs/new_job.ts";
import { CaptureCalls } from "./plugins/api/capture_calls.ts";
import { JobCalls } from "./plugins/api/job_calls.ts";
import { MetricCalls } from "./plugins/api/metric_calls.ts";
import { StoredPluginApi } from "./plugins/api/plugin_api.ts";
import { RoutedCalls } from "./plugins/api/routed_calls.ts";
import { Breakers } from "./plugins/breaker/breakers.ts";
import { EgressGateway } from "./plugins/egress/egress_gateway.ts";
import { EgressRefusals } from "./plugins/egress/egress_refusals.ts";
import { resolveGrant } from "./plugins/grants/grant.ts";
import { PluginHosts } from "./plugins/hosts/plugin_hosts.ts";
import type { HostTarget } from "./plugins/hosts/host_targets.ts";
import { PluginMetrics } from "./plugins/metrics/plugin_metrics.ts";
import type { LoadedSource } from "./plugins/source/plugin_source.ts";
import { SiteClient } from "./plugins/site/site_client.ts";
import { FixtureEndpoint } from "./plugins/trial/endpoint.ts";
import type { Fixture } from "./plugins/trial/fixture.ts";
import { MemoryPluginCache } from "./plugins/trial/memory_cache.ts";
import { MemoryPluginStorage } from "./plugins/trial/memory_storage.ts";
import {
  countedBy,
  jsonOrText,
  shownEvent,
  shownJob,
  type TrialReport,
} from "./plugins/trial/report.ts";
import type { PluginLogEntry, PluginSpec } from "./plugins/types.ts";
import { hostOptions } from "./server_plugins.ts";

/** The only plugin, config, and team there are. */
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const ID = 1;
const TEAM_ID = 2;
const NOW = "2021-10-28T12:00:00.000Z";
const CACHE_PREFIX = `@plugin/${ID}/${TEAM_ID}/`;
/** In a fixture's config values: where the fixture's web server listens. */
const ENDPOINT = "{endpoint}";

/** How long a plugin may take to tear down. */
const TEARDOWN_MS = 5_000;
/** For a process to start; beyond that comes the plugin's own deadline. */
const START_MS = 20_000;

/** Sends the fixture's events through the plugin, calls what it asks for, and says what came of it. */
export async function runTrial(
  config: Config,
  name: string,
  source: LoadedSource,
  fixture: Fixture,
): Promise<TrialReport> {
  const endpoint = fixture.responses === null ? null : new FixtureEndpoint(fixture.responses);
  const log: PluginLogEntry[] = [];
  const errors: string[] = [];
  const captured: RawEvent[] = [];
  const jobs: NewJob[] = [];
  const counted: RawEvent[] = [];
  const metrics = new PluginMetrics(
    { append: (more) => Promise.resolve(void counted.push(...more)) },
    () => ({ teamId: TEAM_ID, spec: { id: ID, name } }),
  );
  const cache = new MemoryPluginCache();
  for (const [key, value] of Object.entries(fixture.cache)) {
    cache.entries.set(
      CACHE_PREFIX + key,
      Array.isArray(value) ? value.map(String) : JSON.stringify(value),
    );
  }
  const storage = new MemoryPluginStorage();
  for (const [key, value] of Object.entries(fixture.storage)) {
    storage.entries.set(key, JSON.stringify(value));
  }
  const stores = new StoredPluginApi(cache, storage);
  const egress = new EgressGateway((refusal) => hosts.refused(refusal));
  const hosts: PluginHosts = new PluginHosts(hostOptions(config, "trial"), {
    log: { write: (entry) => log.push(entry) },
    reports: {
      failed: (_id, { message }) => errors.push(message),
      loaded: () => {},
      ready: () => {},
      gaveUp: () => {},
    },
    api: new RoutedCalls({
      cache: stores,
      storage: stores,
      jobs: new JobCalls({ enqueue: (more) => Promise.resolve(void jobs.push(...more)) }),
      metrics: new MetricCalls(metrics),
      "posthog.capture": new CaptureCalls({
        append: (more) => Promise.resolve(void captured.push(...more)),
      }),
    }),
    breakers: new Breakers(null),
    egress,
    refusals: new EgressRefusals(null),
    // The fixture's web server is the site as well.
    site: new SiteClient(endpoint === null ? null : new URL(`http://${endpoint.host}`), {
      keysOf: () => Promise.resolve({ project: "project-key", personal: "personal-key" }),
      forget: () => {},
    }),
  });
  let outcomes: (JsonObject | null)[];
  try {
    hosts.apply([specOf(name, source, fixture, endpoint)]);
    const target = hosts.targets.get(ID) as HostTarget;
    await ready(hosts, target, config);
    outcomes = await process(hosts, fixture.events.map(filledIn));
    await deliver(target, outcomes);
    for (const { hook, job, payload } of fixture.calls) {
      const texts = payload === undefined ? [] : [bytesOf(payload)];
      await target.call(hook, texts, job ?? undefined);
    }
    await sleep(fixture.waitMs);
  } finally {
    await hosts.stop(TEARDOWN_MS);
    await metrics.close();
    await egress.stop();
    await endpoint?.close();
  }
  const said = (source: PluginLogEntry["source"]) => log.filter((line) => line.source === source);
  return {
    events: outcomes,
    logs: said("CONSOLE").map(({ type, message }) => `${type} ${message}`),
    errors,
    refused: said("SYSTEM").map(({ message }) => message)
      .filter((message) => message.includes("was refused to reach")),
    requests: endpoint?.requests ?? [],
    captured: captured.map(shownEvent),
    jobs: jobs.map(shownJob),
    cache: Object.fromEntries(
      [...cache.entries].map(([key, value]) => [
        key.slice(CACHE_PREFIX.length),
        Array.isArray(value) ? value : jsonOrText(value),
      ]),
    ),
    storage: Object.fromEntries(
      [...storage.entries].map(([key, value]) => [key, JSON.parse(value)]),
    ),
    metrics: countedBy(counted),
  };
}

/** As if the plugin had been granted all that its manifest asks for. */
function specOf(
  name: string,
  { code, manifest, version }: LoadedSource,
  { config, attachments }: Fixture,
  endpoint: FixtureEndpoint | null,
): PluginSpec {
  // As those who enable a plugin fill in what nobody chose.
  const defaults = Object.fromEntries(
    manifest.fields.flatMap((field) =>
      field.default === undefined ? [] : [[field.key, field.default]]
    ),
  );
  const filled = Object.fromEntries(
    Object.entries({ ...defaults, ...config }).map(([key, value]) => [
      key,
      typeof value === "string" && endpoint !== null
        ? value.replaceAll(ENDPOINT, `http://${endpoint.host}`)
        : value,
    ]),
  );
  const grants = new Set(endpoint === null ? [] : [endpoint.host]);
  for (const entry of manifest.net) {
    try {
      grants.add(resolveGrant(entry, filled));
    } catch {
      // The config names no public host: the fixture's own is granted anyway.
    }
  }
  return {
    id: ID,
    name,
    digest: `plugin ${name}`,
    organizationId: "trial",
    isolatedConfigId: null,
    code,
    grants: [...grants],
    configs: [{
      id: ID,
      teamId: TEAM_ID,
      pluginId: ID,
      order: 0,
      config: filled,
      attachments: Object.fromEntries(
        Object.entries(attachments).map(([key, { contents, ...names }]) => [
          key,
          { ...names, contents: new TextEncoder().encode(contents) },
        ]),
      ),
      updatedAt: NOW,
    }],
    maxWorkers: 1,
    version,
  };
}

/** Waits until the plugin is set up, or it is plain that it will not be. */
async function ready(hosts: PluginHosts, target: HostTarget, config: Config): Promise<void> {
  const end = performance.now() + START_MS + config.TASK_TIMEOUT * 1000;
  target.load();
  for (const { first } of hosts.hosts) {
    while (!first.isReady && !first.cannotBeLoaded && performance.now() < end) await sleep(5);
  }
}

/** What the sender and the server would have written into the event. */
function filledIn(event: JsonObject, index: number): JsonObject {
  return {
    uuid: `00000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`,
    event: "$pageview",
    distinct_id: "visitor",
    team_id: TEAM_ID,
    ip: null,
    site_url: null,
    now: NOW,
    sent_at: null,
    properties: {},
    ...event,
  };
}

/** `$snapshot`s go past the functions that change events, as they do in the server. */
async function process(
  hosts: PluginHosts,
  events: readonly JsonObject[],
): Promise<(JsonObject | null)[]> {
  const through = events.filter(({ event }) => event !== "$snapshot");
  const outcomes = await hosts.chains.run(
    TEAM_ID,
    through.map((event) => ({
      text: encoder.encode(JSON.stringify(event)),
      distinctId: String(event.distinct_id),
    })),
  );
  const changed = outcomes.values();
  return events.map((event) => {
    if (event.event === "$snapshot") return event;
    const text = changed.next().value?.text ?? null;
    return text === null ? null : JSON.parse(decoder.decode(text));
  });
}

/** What is left of the events is told to the functions that want to know. */
async function deliver(
  target: HostTarget,
  outcomes: readonly (JsonObject | null)[],
): Promise<void> {
  const left = outcomes.flatMap((event) => event === null ? [] : [event]);
  const isSnapshot = ({ event }: JsonObject) => event === "$snapshot";
  const snapshots = left.filter(isSnapshot).map(bytesOf);
  const { ignored } = target.exportSettings;
  const events = left.filter((event) => !isSnapshot(event));
  const exported = events.filter(({ event }) => !ignored.has(String(event)));
  const { onEvent, onSnapshot, exportEvents } = target.hooks ?? {};
  if (onEvent && events.length > 0) await target.call("onEvent", events.map(bytesOf));
  if (onSnapshot && snapshots.length > 0) await target.call("onSnapshot", snapshots);
  if (exportEvents && exported.length > 0) {
    await target.call("exportEvents", exported.map(bytesOf));
  }
}

function bytesOf(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
