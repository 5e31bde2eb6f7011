/** What a plugin's host is made with. */
import type { LimitFunction } from "p-limit";
import type { Observer } from "../../telemetry/observer.ts";
import type { Breaker } from "../breaker/breaker.ts";
import type { Egress, EgressRefusal } from "../egress/egress_gateway.ts";
import type { PluginSite } from "../site/site_client.ts";
import type {
  PluginApi,
  PluginCapabilities,
  PluginLog,
  PluginReports,
  PluginSpec,
} from "../types.ts";
import type { HostLimits, HostRuntime } from "./host_command.ts";

export interface PluginHostOptions {
  readonly taskTimeoutMs: number;
  readonly tasksPerWorker: number;
  /** Of the code that runs in the process; see `HOST_RUNTIME`. */
  readonly runtime: HostRuntime;
  readonly limits: HostLimits;
  readonly logLinesPerSecond: number;
  /** Characters of one line that are kept. */
  readonly logLineLength: number;
  /** Without work for so long its process is ended; 0 is never. */
  readonly idleMs: number;
  /** Well for so long, a process that stands back is replaced by one that does not; 10 s if absent. */
  readonly renewalMs?: number;
  readonly egress: EgressLimits;
  /** Shown in the plugin's log. */
  readonly instanceId: string;
}

/** What one plugin process may do at the hosts it was granted. */
export interface EgressLimits {
  /** At a time. */
  readonly requests: number;
  /** Of one request, its answer included. */
  readonly requestMs: number;
  /** In both directions. */
  readonly bytesPerMinute: number;
}

export interface PluginHostParts {
  readonly log: PluginLog;
  readonly reports: PluginReports;
  readonly api: PluginApi;
  readonly breaker: Breaker;
  readonly egress: Egress;
  /** Who asks PostHog's application for plugins; without it `posthog.api` is refused. */
  readonly site?: PluginSite;
  /** Told of each attempt to reach what was not granted. */
  readonly refused: (refusal: EgressRefusal) => void;
  /** Told of what the plugin does. */
  readonly observer?: Observer;
  /** Told when the code was loaded or a config's setup came to an end, one way or the other. */
  readonly settled?: () => void;
  /** Told when every config that it runs for is set up. */
  readonly worked?: (spec: PluginSpec, exports: PluginCapabilities) => void;
  /** Bounds how many processes start at once, over all plugins. */
  readonly starts: LimitFunction;
}
