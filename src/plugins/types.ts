/** What the parts around plugins hand to each other. */
import type { JsonObject } from "../events/types.ts";

/** A file uploaded into a plugin config. */
export interface PluginAttachment {
  readonly contentType: string;
  readonly fileName: string;
  readonly contents: Uint8Array;
}

/** One enabled row of `posthog_pluginconfig`, ready to be given to its plugin. */
export interface PluginConfig {
  readonly id: number;
  readonly teamId: number;
  readonly pluginId: number;
  /** Position in the team's chain, ascending. */
  readonly order: number;
  readonly config: JsonObject;
  readonly attachments: Readonly<Record<string, PluginAttachment>>;
  /** Changes when the row does: a new value means a new instance. */
  readonly updatedAt: string;
}

/** A plugin's code, ready to be evaluated as CommonJS in the fence. */
export interface PluginCode {
  /** Path inside the plugin → JavaScript (CommonJS) text. */
  readonly files: ReadonlyMap<string, string>;
  /** Path → `mappings` of its source map; none for files that are as their author wrote them. */
  readonly maps?: ReadonlyMap<string, string>;
  /** Which of `files` is the entry. */
  readonly main: string;
  /** Of the libraries that are loaded for those that import them; none if left out. */
  readonly libraries?: readonly string[];
  /** Exported functions seen in the text are not known before loading; the fence reports them. */
  readonly language: "javascript" | "typescript";
}

/** What is needed to run one plugin: its code, what it may reach, and its configs. */
export interface PluginSpec {
  readonly id: number;
  readonly name: string;
  /** `plugin <name> ID <id> (organization ID <org>[ - global])`, for messages. */
  readonly digest: string;
  /** Configs of two organisations never share a process: one spec per plugin and organisation. */
  readonly organizationId: string;
  /** The only config, where `PLUGIN_ISOLATION=config` keeps it to itself; otherwise null. */
  readonly isolatedConfigId: number | null;
  readonly code: PluginCode;
  /** Granted `host:port` or `*.host:port` entries, validated. */
  readonly grants: readonly string[];
  readonly configs: readonly PluginConfig[];
  /** Processes that it asks to have at most; null leaves it to the server. */
  readonly maxWorkers: number | null;
  /** What the last version exported that could be loaded, as its row says. */
  readonly capabilities?: PluginCapabilities;
  /** Changes when the code or the grants do: a new value means a new process. */
  readonly version: string;
  /** Changes when the code does. */
  readonly codeVersion?: string;
  /** A server before this one had it set up. */
  readonly hasWorked?: boolean;
  /** What this very code exports, where that is known from before: it need not run to tell. */
  readonly exports?: PluginCapabilities;
}

/** One line of a plugin's log (`posthog_pluginlogentry`). */
export interface PluginLogEntry {
  readonly teamId: number;
  readonly pluginId: number;
  readonly pluginConfigId: number;
  /** The plugin's name, for what the server itself says of the line. */
  readonly plugin?: string;
  readonly source: "SYSTEM" | "PLUGIN" | "CONSOLE";
  readonly type: "DEBUG" | "LOG" | "INFO" | "WARN" | "ERROR";
  readonly message: string;
}

/** Takes log lines without waiting; bounded, written in batches. */
export interface PluginLog {
  write(entry: PluginLogEntry): void;
  /**
   * For those who can wait with what they have to say: resolves when there is room for it, null
   * where there is now.
   */
  room?(): Promise<void> | null;
}

/** What a plugin's failure leaves in `posthog_pluginconfig.error`. */
export interface PluginFailure {
  readonly message: string;
  readonly time: string;
  readonly name?: string;
  readonly stack?: string;
  readonly event?: JsonObject;
}

/** What the fence tells about a plugin, for the tables an operator looks at. */
export interface PluginReports {
  /** The config's plugin threw: kept in its error column (written in batches). */
  failed(pluginConfigId: number, failure: PluginFailure): void;
  /** The plugin was loaded: records what it exports. */
  loaded(
    pluginConfigId: number,
    pluginId: number,
    capabilities: PluginCapabilities,
    metrics?: DeclaredMetrics,
  ): void;
  /** The config was set up: clears its error column. */
  ready(pluginConfigId: number): void;
  /**
   * Setup failed ten times on this server: the config is disabled if it did so on all that run.
   * @param version of code, grants and config
   * @param decided told what became of it, once that is known
   */
  gaveUp(pluginConfigId: number, version: string, decided: (fate: GivenUp) => void): void;
}

/**
 * What becomes of a config whose setup failed: it is disabled; or tried on, because another server
 * has it set up or has not tried as often; or because the version before goes on instead.
 */
export type GivenUp = "disabled" | "other servers" | "version before";

/** What a plugin exports, as stored in `posthog_plugin.capabilities`. */
export interface PluginCapabilities {
  readonly methods: readonly string[];
  readonly scheduled_tasks: readonly string[];
  readonly jobs: readonly string[];
}

/** Metrics that a plugin declares, as stored in `posthog_plugin.metrics`: name → type. */
export type DeclaredMetrics = Readonly<Record<string, string>>;

/** One call out of a plugin: `storage.get`, `cache.incr`, … with JSON arguments. */
export interface PluginCall {
  readonly pluginConfigId: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/**
 * Its answer: a JSON value; or its JSON text, in a part that other answers begin with as well and
 * the rest; or the message of the error the plugin is to see.
 */
export type PluginCallResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: true; readonly shared: string; readonly rest: string }
  | { readonly ok: false; readonly error: string };

/**
 * What plugins may ask of the server. Every method is a decision about power: it acts only on the
 * rows of the calling config, whatever the arguments say.
 */
export interface PluginApi {
  /**
   * Calls of one tick of one process, in program order. Answers are in the same order. Never
   * rejects: a store that is away is an error the plugin sees.
   */
  call(configs: ReadonlyMap<number, PluginConfig>, calls: readonly PluginCall[]): Promise<
    PluginCallResult[]
  >;
}
