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
  #targets: ReadonlyMap<number, HostTarget> = new Map();
  #teams: ReadonlyMap<number, readonly HostTarget[]> = new Map();
  #waiting: ReadonlySet<number> = new Set();

  /** Makes the configs of these the ones in force. */
  replace(
    serving: readonly { readonly host: PluginHost; readonly config: PluginConfig }[],
  ): void {
    const targets = serving.map(({ host, config }) => new HostTarget(host, config));
    this.#targets = new Map(targets.map((target) => [target.configId, target]));
    this.#teams = Map.groupBy(
      targets.sort((one, other) => one.order - other.order || one.configId - other.configId),
      ({ teamId }) => teamId,
    );
  }

  get(configId: number): HostTarget | null {
    return this.#targets.get(configId) ?? null;
  }

  all(): readonly HostTarget[] {
    return [...this.#targets.values()];
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
 * The cursors that these plugins need. What a plugin exports is known once it was loaded; until then
 * it may want everything.
 */
export function wantedCursors(
  specs: readonly PluginSpec[],
  targets: HostTargets,
): { configId: number; teamId: number; kind: DeliveryKind }[] {
  return specs.flatMap((spec) =>
    spec.configs.flatMap((config) => {
      const { id: configId, teamId } = config;
      const target = targets.get(configId);
      const hooks = target?.version === versionOf(spec, config) ? target.hooks : null;
      const kinds: DeliveryKind[] = [];
      if (hooks === null || hooks.onEvent || hooks.onSnapshot) kinds.push("hooks");
      if (hooks === null || hooks.exportEvents) kinds.push("export");
      return kinds.map((kind) => ({ configId, teamId, kind }));
    })
  );
}

function versionOf(spec: PluginSpec, config: PluginConfig): string {
  return `${spec.version} ${config.updatedAt}`;
}

/** One config of one host. */
export class HostTarget implements PluginTarget {
  readonly configId: number;
  readonly teamId: number;
  /** Its place among the team's. */
  readonly order: number;
  /** `"Name (configId)"` */
  readonly label: string;
  readonly exportSettings: ExportSettings;
  /** The plugin that it is of. */
  readonly spec: PluginSpec;
  /** Changes when the code or the config does. */
  readonly version: string;
  readonly #host: PluginHost;

  constructor(host: PluginHost, config: PluginConfig) {
    this.configId = config.id;
    this.teamId = config.teamId;
    this.order = config.order;
    this.label = `${host.spec.name} (${config.id})`;
    this.exportSettings = exportSettings(config.config);
    this.spec = host.spec;
    this.version = versionOf(host.spec, config);
    this.#host = host;
  }

  /** A version that cannot be loaded has those of the one before it, whose events wait for the next. */
  get hooks(): DeliveryHooks | null {
    const exports = this.#host.cannotBeLoaded ? this.spec.capabilities : this.exports;
    if (exports === null) return null;
    const methods = exports?.methods ?? [];
    return {
      onEvent: methods.includes("onEvent"),
      onSnapshot: methods.includes("onSnapshot"),
      exportEvents: methods.includes("exportEvents"),
    };
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
