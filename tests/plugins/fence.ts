/** Plugins in the real fence, without a database: for tests of the fence itself. */
import type { ChainOutcome } from "../../src/pipeline/plugin_chains.ts";
import { RUNTIME_FOLDER } from "../../src/plugins/hosts/host_command.ts";
import { Breakers } from "../../src/plugins/breaker/breakers.ts";
import { EgressGateway } from "../../src/plugins/egress/egress_gateway.ts";
import { EgressRefusals } from "../../src/plugins/egress/egress_refusals.ts";
import { PluginHosts, type PluginHostsOptions } from "../../src/plugins/hosts/plugin_hosts.ts";
import type { PluginSite } from "../../src/plugins/site/site_client.ts";
import { importedLibraries } from "../../src/plugins/source/libraries.ts";
import type {
  PluginApi,
  PluginCapabilities,
  PluginCode,
  PluginConfig,
  PluginFailure,
  PluginLogEntry,
  PluginSpec,
} from "../../src/plugins/types.ts";

export const TEAM = 2;

/** A plugin to be fenced: its text, and what differs from a plain one. */
export interface TestPlugin {
  readonly source: string;
  readonly name?: string;
  readonly config?: Record<string, unknown>;
  readonly grants?: readonly string[];
  readonly teamId?: number;
  readonly maxWorkers?: number;
  readonly files?: Readonly<Record<string, string>>;
  /** Code that was built from what an author wrote, in place of `source` and `files`. */
  readonly code?: PluginCode;
}

/** Running plugins and what they left behind. */
export interface TestFence extends AsyncDisposable {
  readonly hosts: PluginHosts;
  readonly log: PluginLogEntry[];
  /** While set, the log has no room. */
  logRoom: Promise<void> | null;
  readonly failures: { readonly configId: number; readonly failure: PluginFailure }[];
  readonly loaded: Map<number, PluginCapabilities>;
  readonly refusals: EgressRefusals;
  readonly egress: EgressGateway;
  /** Messages of the log, joined. */
  logText(): string;
  /** Sends events through the team's plugins. */
  run(events: readonly Record<string, unknown>[], teamId?: number): Promise<FenceOutcome[]>;
}

/** Short deadlines, small processes. */
export const TEST_HOST_OPTIONS: PluginHostsOptions = {
  taskTimeoutMs: 1_000,
  tasksPerWorker: 10,
  runtime: RUNTIME_FOLDER,
  limits: { heapMb: 64, dataMb: 1_600, nice: 0 },
  logLinesPerSecond: 100,
  logLineLength: 10_000,
  idleMs: 0,
  slowLaneEvents: 500,
  workers: 1,
  startsAtOnce: 4,
  egress: { requests: 20, requestMs: 5_000, bytesPerMinute: 1e8 },
  instanceId: "test",
};

/** Answers nothing: for plugins that ask for nothing. */
const NO_API: PluginApi = {
  call: (_configs, calls) => Promise.resolve(calls.map(() => ({ ok: false, error: "no store" }))),
};

export function specOf(plugin: TestPlugin, id: number): PluginSpec {
  const config: PluginConfig = {
    id,
    teamId: plugin.teamId ?? TEAM,
    pluginId: id,
    order: id,
    config: plugin.config ?? {},
    attachments: {},
    updatedAt: "2021-01-01",
  };
  const name = plugin.name ?? `Plugin ${id}`;
  return {
    id,
    name,
    digest: `plugin ${name} ID ${id}`,
    organizationId: "00000000-0000-0000-0000-000000000001",
    isolatedConfigId: null,
    code: plugin.code ?? {
      files: new Map(Object.entries({ "index.js": plugin.source, ...plugin.files })),
      main: "index.js",
      language: "javascript",
      libraries: importedLibraries([plugin.source, ...Object.values(plugin.files ?? {})]),
    },
    grants: plugin.grants ?? [],
    configs: [config],
    maxWorkers: plugin.maxWorkers ?? null,
    version: "1",
  };
}

/** Fences the plugins, in this order, with short deadlines. */
export function fence(
  plugins: readonly TestPlugin[],
  options: Partial<PluginHostsOptions> = {},
  api: PluginApi = NO_API,
  breakers = new Breakers(null),
  site?: PluginSite,
): TestFence {
  const log: PluginLogEntry[] = [];
  const failures: TestFence["failures"] = [];
  const loaded = new Map<number, PluginCapabilities>();
  const refusals = new EgressRefusals(null);
  const { runtime } = options;
  const self = runtime === undefined || typeof runtime === "string" ? null : runtime;
  const egress = new EgressGateway((refusal) => hosts.refused(refusal), self);
  const hosts: PluginHosts = new PluginHosts({ ...TEST_HOST_OPTIONS, ...options }, {
    log: { write: (entry) => log.push(entry), room: () => test.logRoom },
    reports: {
      failed: (configId, failure) => failures.push({ configId, failure }),
      loaded: (configId, _pluginId, capabilities) => loaded.set(configId, capabilities),
      ready: () => {},
      gaveUp: () => {},
    },
    api,
    breakers,
    egress,
    refusals,
    ...(site === undefined ? {} : { site }),
  });
  hosts.apply(plugins.map((plugin, index) => specOf(plugin, index + 1)));
  const test: TestFence = {
    hosts,
    log,
    logRoom: null,
    failures,
    loaded,
    logText: () => log.map(({ message }) => message).join("\n"),
    run: (events, teamId = TEAM) => runChain(hosts, teamId, events),
    refusals,
    egress,
    async [Symbol.asyncDispose]() {
      await hosts.stop(2_000);
      await egress.stop();
    },
  };
  return test;
}

/** What a team's plugins made of an event; `json` is null if one of them dropped it. */
export type FenceOutcome = Omit<ChainOutcome, "text"> & { readonly json: string | null };

/** Sends events through a team's plugins. */
export async function runChain(
  hosts: PluginHosts,
  teamId: number,
  events: readonly Record<string, unknown>[],
): Promise<FenceOutcome[]> {
  const inputs = events.map((event) => ({
    text: new TextEncoder().encode(JSON.stringify(event)),
    distinctId: String(event.distinct_id),
  }));
  const outcomes = await hosts.chains.run(teamId, inputs);
  return outcomes.map(({ text, ...marks }) => ({
    ...marks,
    json: text === null ? null : new TextDecoder().decode(text),
  }));
}

/** The `number`th event of a team, with some properties. */
export function pluginEvent(number: number, properties: Record<string, unknown> = {}) {
  return {
    uuid: `00000000-0000-0000-0000-${String(number).padStart(12, "0")}`,
    event: "$pageview",
    distinct_id: `visitor ${number}`,
    team_id: TEAM,
    ip: "1.2.3.4",
    site_url: null,
    now: "2021-10-28T12:00:00.000Z",
    sent_at: null,
    properties: { number, ...properties },
  };
}

/** The properties of each outcome; null where it was dropped. */
export function propertiesOf(
  outcomes: readonly FenceOutcome[],
): (Record<string, unknown> | null)[] {
  return outcomes.map(({ json }) => json === null ? null : JSON.parse(json).properties);
}
