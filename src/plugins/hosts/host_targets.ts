/** The plugin configs in force, for those who call their functions. */
import type { DeliveryKind } from "../../pipeline/delivery/delivery.ts";
import { exportSettings } from "../../pipeline/delivery/export_settings.ts";
import type {
  DeliveryHooks,
  DeliveryIntents,
  ExportSettings,
  HookOutcome,
  PluginTarget,
  PluginTargets,
} from "../../pipeline/plugin_hooks.ts";
import type { PluginCapabilities, PluginConfig, PluginSpec } from "../types.ts";
import type { PluginHost } from "./plugin_host.ts";

const NONE: readonly string[] = [];

export class HostTargets implements PluginTargets, DeliveryIntents {
  #all: readonly HostTarget[] = [];
  #targets: ReadonlyMap<number, HostTarget> = new Map();
  #teams: ReadonlyMap<number, readonly HostTarget[]> = new Map();
  #waiting: ReadonlySet<number> = new Set();

  /** Makes the configs of these the ones in force. */
  replace(
    serving: readonly { readonly host: PluginHost; readonly config: PluginConfig }[],
  ): void {
    this.#all = serving.map(({ host, config }) => new HostTarget(host, config))
      .sort((one, other) => one.order - other.order || one.configId - other.configId);
    this.#targets = new Map(this.#all.map((target) => [target.configId, target]));
    this.#teams = Map.groupBy(this.#all, ({ teamId }) => teamId);
  }

  /** Each team's, in their order. */
  get byTeam(): ReadonlyMap<number, readonly HostTarget[]> {
    return this.#teams;
  }

  get(configId: number): HostTarget | null {
    return this.#targets.get(configId) ?? null;
  }

  all(): readonly HostTarget[] {
    return this.#all;
  }

  /** Says for which teams a plugin that cannot be loaded now is to be told of events later. */
  waitFor(teamIds: ReadonlySet<number>): void {
    this.#waiting = teamIds;
  }

  /** Until it is known what a plugin exports, it may want everything. */
  isWanted(teamId: number, eventName: string): boolean {
    if (this.#waiting.has(teamId)) return true;
    return this.#teams.get(teamId)?.some(({ hooks }) =>
      hooks === null ||
      (eventName === "$snapshot" ? hooks.onSnapshot : hooks.onEvent || hooks.exportEvents)
    ) ?? false;
  }

  /** Those of which it is known by now. */
  deferredTo(teamId: number): readonly string[] {
    const team = this.#teams.get(teamId);
    if (team === undefined) return NONE;
    return team.flatMap(({ hooks, label }) =>
      hooks?.onEvent || hooks?.onSnapshot || hooks?.exportEvents ? [label] : []
    );
  }
}

/** Ids of all their configs. */
export function configIdsOf(specs: readonly PluginSpec[]): number[] {
  return specs.flatMap(({ configs }) => configs.map(({ id }) => id));
}

/**
 * The cursors that these plugins need. What a plugin exports is known once it was loaded, by this
 * server or another before; until then it may want everything.
 */
export function wantedCursors(
  specs: readonly PluginSpec[],
  targets: HostTargets,
): { configId: number; teamId: number; kind: DeliveryKind }[] {
  return specs.flatMap((spec) => {
    const known = hooksOf(spec.exports ?? null);
    return spec.configs.flatMap((config) => {
      const { id: configId, teamId } = config;
      const target = targets.get(configId);
      const hooks = target?.version === versionOf(spec, config) ? target.hooks : known;
      const kinds: DeliveryKind[] = [];
      if (hooks === null || hooks.onEvent || hooks.onSnapshot) kinds.push("hooks");
      if (hooks === null || hooks.exportEvents) kinds.push("export");
      return kinds.map((kind) => ({ configId, teamId, kind }));
    });
  });
}

/** Null where it is not known what is exported. */
function hooksOf(exports: Partial<PluginCapabilities> | null): DeliveryHooks | null {
  if (exports === null) return null;
  const { methods = [] } = exports;
  return {
    onEvent: methods.includes("onEvent"),
    onSnapshot: methods.includes("onSnapshot"),
    exportEvents: methods.includes("exportEvents"),
  };
}

function versionOf(spec: PluginSpec, config: PluginConfig): string {
  return `${spec.version} ${config.updatedAt}`;
}

/** One config of one host. There may be a hundred thousand: what can be derived is not kept. */
export class HostTarget implements PluginTarget {
  readonly configId: number;
  readonly #config: PluginConfig;
  readonly #host: PluginHost;

  constructor(host: PluginHost, config: PluginConfig) {
    this.configId = config.id;
    this.#config = config;
    this.#host = host;
  }

  get teamId(): number {
    return this.#config.teamId;
  }

  /** Its place among the team's. */
  get order(): number {
    return this.#config.order;
  }

  /** `"Name (configId)"` */
  get label(): string {
    return `${this.spec.name} (${this.configId})`;
  }

  get exportSettings(): ExportSettings {
    return exportSettings(this.#config.config);
  }

  /** The plugin that it is of. */
  get spec(): PluginSpec {
    return this.#host.spec;
  }

  /** Changes when the code or the config does. */
  get version(): string {
    return versionOf(this.spec, this.#config);
  }

  /** A version that cannot be loaded has those of the one before it, whose events wait for the next. */
  get hooks(): DeliveryHooks | null {
    return hooksOf(this.#host.cannotBeLoaded ? this.spec.capabilities ?? {} : this.exports);
  }

  /** Null until its code was loaded once. */
  get exports(): PluginCapabilities | null {
    return this.#host.exports;
  }

  load(): void {
    if (this.exports === null) this.#host.start();
  }

  call(hook: string, texts: readonly Uint8Array[], job?: string): Promise<HookOutcome> {
    return this.#host.call({ hook, configId: this.configId, job: job ?? null }, texts);
  }

  say(type: "INFO" | "WARN" | "ERROR", message: string): void {
    this.#host.say(this.configId, type, message);
  }
}
