/** All plugins of this server, kept in step with what is installed and granted. */
import { getLogger } from "@logtape/logtape";
import pLimit, { type LimitFunction } from "p-limit";
import type { PluginChains } from "../../pipeline/plugin_chains.ts";
import { type ChainLink, TeamChains } from "../chain/team_chains.ts";
import type { PluginSpec } from "../types.ts";
import type { Breakers } from "../breaker/breakers.ts";
import type { EgressRefusal } from "../egress/egress_gateway.ts";
import type { EgressRefusals } from "../egress/egress_refusals.ts";
import { HostTargets } from "./host_targets.ts";
import type { PluginHostParts } from "./plugin_host.ts";
import { PluginWorkers, type PluginWorkersOptions } from "./plugin_workers.ts";

/** How often plugins are looked at for what only the passing of time shows. */
const CHECK_MS = 1_000;
/** How long a replaced plugin may take to finish its work and tear down. */
const UNLOAD_MS = 5_000;

export interface PluginHostsOptions extends PluginWorkersOptions {
  /** Processes that start at the same time, at most. */
  readonly startsAtOnce: number;
}

export interface PluginHostsParts extends Omit<PluginHostParts, "breaker" | "starts" | "refused"> {
  readonly breakers: Breakers;
  readonly refusals: EgressRefusals;
}

export class PluginHosts {
  readonly #options: PluginWorkersOptions;
  readonly #parts: PluginHostsParts;
  readonly #starts: LimitFunction;
  readonly #chains = new TeamChains();
  /** Its configs, for those who call other functions of theirs than those that change events. */
  readonly targets = new HostTargets();
  readonly #log = getLogger(["paddock", "plugins"]);
  readonly #unloading = new Set<Promise<void>>();
  readonly #checks: ReturnType<typeof setInterval>;
  #hosts = new Map<string, PluginWorkers>();
  #applied = false;

  constructor(options: PluginHostsOptions, parts: PluginHostsParts) {
    this.#options = options;
    this.#parts = parts;
    this.#starts = pLimit(options.startsAtOnce);
    this.#checks = setInterval(() => {
      const now = performance.now();
      for (const host of this.#hosts.values()) host.check(now);
    }, CHECK_MS);
  }

  get chains(): PluginChains {
    return this.#chains;
  }

  /** Hosts by what they run: for tests and tools. */
  get hosts(): readonly PluginWorkers[] {
    return [...this.#hosts.values()];
  }

  /**
   * Makes these the plugins in force. A plugin whose code, grants and configs are the same keeps its
   * process and its state; any other gets a new one, and the old one is torn down behind it.
   * Processes start with their first event, except those that this call brings to a running server,
   * whose author waits to see them.
   */
  apply(specs: readonly PluginSpec[]): void {
    const next = new Map<string, PluginWorkers>();
    for (const spec of specs) {
      const key = identityOf(spec);
      const kept = this.#hosts.get(key);
      if (kept !== undefined) {
        next.set(key, kept);
        continue;
      }
      const host = new PluginWorkers(spec, this.#options, {
        ...this.#parts,
        breaker: this.#parts.breakers.of(spec),
        refused: (refusal) => this.refused(refusal),
        starts: this.#starts,
      });
      next.set(key, host);
      if (this.#applied) host.start();
    }
    const gone = [...this.#hosts].filter(([key]) => !next.has(key));
    this.#hosts = next;
    this.#chains.replace(linksOf([...next.values()]));
    this.targets.replace([...next.values()].map(({ first }) => first));
    for (const [, host] of gone) this.#unload(host);
    if (this.#applied || specs.length > 0) {
      this.#log.info`${specs.length} plugins in force, ${gone.length} unloaded`;
    }
    this.#applied = true;
  }

  /** Notes that a plugin was refused a host, and says so in its log, a bounded number of times. */
  refused(refusal: EgressRefusal): void {
    this.#parts.observer?.pluginRefused(refusal);
    const target = this.#parts.refusals.note(refusal);
    if (target === null) return;
    for (const host of this.#hosts.values()) {
      if (host.spec.id === refusal.pluginId) host.sayRefused(target, refusal.reason);
    }
  }

  /** Tears every plugin down; those that take longer than `patienceMs` are killed. */
  async stop(patienceMs: number): Promise<void> {
    clearInterval(this.#checks);
    await Promise.all([...this.#hosts.values()].map((host) => host.stop(patienceMs)));
    await Promise.all(this.#unloading);
  }

  #unload(host: PluginWorkers): void {
    const unloading = host.stop(UNLOAD_MS);
    this.#unloading.add(unloading);
    unloading.finally(() => this.#unloading.delete(unloading));
  }
}

/** The same text means that nothing about the plugin changed. */
function identityOf(spec: PluginSpec): string {
  const configs = spec.configs.map(({ id, updatedAt }) => `${id}@${updatedAt}`);
  return JSON.stringify([spec.id, spec.organizationId, spec.version, ...configs.toSorted()]);
}

function linksOf(hosts: readonly PluginWorkers[]): Map<number, ChainLink[]> {
  const links = new Map<number, ChainLink[]>();
  for (const host of hosts) {
    for (const { id, teamId, order } of host.spec.configs) {
      const link = { configId: id, label: `${host.spec.name} (${id})`, order, host };
      const team = links.get(teamId);
      if (team === undefined) links.set(teamId, [link]);
      else team.push(link);
    }
  }
  return links;
}
