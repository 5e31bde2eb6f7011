/** What the parts that call plugins besides the pipeline's chain know of them. */
import type { PluginError } from "../../plugins_runtime/frames.ts";

/** What came of calling a function of a plugin. */
export type HookOutcome =
  /** It was called; for some events (by index) it may have failed. */
  | {
    readonly status: "done";
    readonly failures: readonly { readonly index: number; readonly error: PluginError }[];
  }
  /** It threw, or did not come to an end. */
  | { readonly status: "failed"; readonly error: PluginError; readonly isRetryable: boolean }
  /** Its process died meanwhile, of this or of something else. */
  | { readonly status: "crashed"; readonly reason: string }
  /** It was not called: the plugin is not loaded, not set up, or paused. */
  | { readonly status: "unavailable"; readonly reason: string };

/** The hooks that are told of stored events. */
export interface DeliveryHooks {
  readonly onEvent: boolean;
  readonly onSnapshot: boolean;
  readonly exportEvents: boolean;
}

/** How the events for `exportEvents` are gathered: from the config's values, as PostHog names them. */
export interface ExportSettings {
  /** A batch is as large at most, unless a single event is larger. */
  readonly bufferBytes: number;
  /** A batch waits for more so long at most. */
  readonly bufferSeconds: number;
  /** Names of events that are not exported. */
  readonly ignored: ReadonlySet<string>;
}

/** A plugin config in force, as those see it who call its functions. */
export interface PluginTarget {
  readonly configId: number;
  readonly teamId: number;
  /** Of the plugin. */
  readonly spec: { readonly id: number; readonly name: string };
  /** Null until its code was loaded once. */
  readonly hooks: DeliveryHooks | null;
  readonly exportSettings: ExportSettings;
  /** Loads its code, so that its hooks become known. */
  load(): void;
  /**
   * Calls a hook, in one frame. Never rejects. What the plugin does wrong is in its log already.
   * @param texts JSON: the events, or the payload of a job
   * @param job the name, where the hook is `job`
   */
  call(hook: string, texts: readonly Uint8Array[], job?: string): Promise<HookOutcome>;
  /** Writes to the plugin's log. */
  say(type: "INFO" | "WARN" | "ERROR", message: string): void;
}

/** The plugin configs in force on this server, which change with every reload. */
export interface PluginTargets {
  get(configId: number): PluginTarget | null;
  all(): readonly PluginTarget[];
}

/** What the pipeline asks for each stored event: whether any plugin is to be told of it. */
export interface DeliveryIntents {
  isWanted(teamId: number, eventName: string): boolean;
  /** `"Name (pluginConfigId)"` of those of a team's plugins that are told of stored events, in order. */
  deferredTo(teamId: number): readonly string[];
}
