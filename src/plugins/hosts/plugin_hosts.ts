/** All plugins of this server, kept in step with what is installed and granted. */
import { getLogger } from "@logtape/logtape";
import pLimit, { type LimitFunction } from "p-limit";
import type { PluginChains } from "../../pipeline/plugin_chains.ts";
import type { EventResult } from "../../../plugins_runtime/frames.ts";
import { TeamChains } from "../chain/team_chains.ts";
import type { EventTap } from "../../telemetry/event_tap.ts";
import { PluginActivity } from "../activity/plugin_activity.ts";
import type { PluginSpec } from "../types.ts";
import type { Breakers } from "../breaker/breakers.ts";
import type { EgressRefusal } from "../egress/egress_gateway.ts";
import type { EgressRefusals } from "../egress/egress_refusals.ts";
import { configIdsOf, HostTargets } from "./host_targets.ts";
import { passedBy } from "./job.ts";
import type { PluginHostParts } from "./host_parts.ts";
import { partition } from "./partition.ts";
import { ProcessorWatch } from "./processor_watch.ts";
import { PluginWorkers, type PluginWorkersOptions } from "./plugin_workers.ts";
import { Succession, type Wanted } from "./succession.ts";

/** How often plugins are looked at for what only the passing of time shows. */
const CHECK_MS = 1_000;
/** How long a plugin that is wanted no more may take to finish its work and tear down. */
const UNLOAD_MS = 5_000;

export interface PluginHostsOptions extends PluginWorkersOptions {
  /** Processes that start at the same time, at most. */
  readonly startsAtOnce: number;
}

export interface PluginHostsParts
  extends Omit<PluginHostParts, "breaker" | "starts" | "refused" | "settled"> {
  readonly breakers: Breakers;
  readonly refusals: EgressRefusals;
  /** Shows events before and after each plugin. */
  readonly tap?: EventTap;
}

export class PluginHosts {
  readonly #options: PluginWorkersOptions;
  readonly #parts: PluginHostsParts;
  readonly #starts: LimitFunction;
  readonly #processors = new ProcessorWatch();
  /** What they did to events lately. */
  readonly activity = new PluginActivity();
  readonly #chains: TeamChains;
  readonly #succession = new Succession();
  /** Its configs, for those who call other functions of theirs than those that change events. */
  readonly targets = new HostTargets();
  readonly #log = getLogger(["paddock", "plugins"]);
  readonly #unloading = new Set<Promise<void>>();
  readonly #checks: ReturnType<typeof setInterval>;
  /** The wanted ones, and those before them that still serve. */
  readonly #hosts = new Set<PluginWorkers>();
  /**
   * Something was taken from these, so that they end: what a config that is wanted no more left
   * running ends with its process only. What is given back is given to a new one.
   */
  readonly #restricted = new WeakSet<PluginWorkers>();
  /** Successors of which the log says already that they have to wait. */
  readonly #saidWaiting = new WeakSet<PluginWorkers>();
  #applied = false;

  constructor(options: PluginHostsOptions, parts: PluginHostsParts) {
    this.#options = options;
    this.#parts = parts;
    this.#chains = new TeamChains(
      {
        mayProcessEvents: (configId) =>
          this.#succession.serving.get(configId)?.workers.mayProcessEvents ?? false,
        process: (...events) => this.#process(...events),
      },
      this.activity,
      parts.tap,
    );
    this.#starts = pLimit(options.startsAtOnce);
    this.#checks = setInterval(() => this.#check(performance.now()), CHECK_MS);
  }

  get chains(): PluginChains {
    return this.#chains;
  }

  /** Hosts by what they run: for tests and tools. */
  get hosts(): readonly PluginWorkers[] {
    return [...this.#hosts];
  }

  /**
   * Makes these the plugins in force. A config that is the same, with the same code and grants, keeps
   * its process and its state, whatever happens to those beside it; any other gets a new one. The old
   * one goes on until that is set up, for ever if it never is, and hands over what it has not begun.
   * What is wanted no more, or may reach less than before, ends at once, with its whole process.
   *
   * Processes start with their first event, except those that this call brings to a running server,
   * whose author waits to see them.
   * @param before versions that worked before this server began, of some of these
   */
  apply(specs: readonly PluginSpec[], before: readonly PluginSpec[] = []): void {
    if (before.length > 0) this.#succession.want(before.map((spec) => this.#add(spec)), 0);
    const renewed = new Set(before.map(({ id }) => id));
    const ids = new Set(configIdsOf(specs));
    for (const host of this.#hosts) {
      if (host.spec.configs.some(({ id }) => !ids.has(id))) this.#restricted.add(host);
    }
    const wanted: Wanted[] = [];
    const groups = Map.groupBy(this.#hosts, ({ spec }) => groupOf(spec));
    for (const spec of specs) {
      const candidates = groups.get(groupOf(spec)) ?? [];
      const { kept, rest } = partition(
        spec,
        candidates.filter((host) => !this.#restricted.has(host)),
      );
      wanted.push(...kept);
      if (rest.length === 0) continue;
      const added = this.#add({ ...spec, configs: rest });
      wanted.push(added);
      if (this.#applied || renewed.has(spec.id)) added.workers.start();
    }
    this.activity.retain(ids);
    this.#succession.want(wanted, performance.now());
    const gone = this.#enforce();
    if (this.#applied || specs.length > 0) {
      this.#log.info`${specs.length} plugins in force, ${gone} unloaded`;
    }
    this.#applied = true;
  }

  /**
   * Takes away at once what was taken from configs in force: those that are not among these, and
   * hosts that they may not reach any more. What they are given comes with `apply`.
   * @param reach by config id
   */
  restrict(reach: ReadonlyMap<number, readonly string[]>): void {
    const changed = new Set<PluginWorkers>();
    for (const [id, { workers }] of this.#succession.serving) {
      const hosts = reach.get(id);
      if (hosts === undefined || workers.spec.grants.every((grant) => hosts.includes(grant))) {
        continue;
      }
      workers.closeEgress();
      changed.add(workers);
    }
    for (const workers of this.#succession.remove(reach, performance.now())) changed.add(workers);
    if (changed.size === 0) return;
    for (const host of changed) this.#restricted.add(host);
    this.#enforce();
  }

  /** Notes that a plugin was refused a host, and says so in its log, a bounded number of times. */
  refused(refusal: EgressRefusal): void {
    const { pluginId } = refusal;
    const hosts = [...this.#hosts].filter(({ spec }) => spec.id === pluginId);
    const plugin = hosts[0]?.spec.name ?? String(pluginId);
    this.#parts.observer?.pluginRefused({ pluginId, plugin });
    const target = this.#parts.refusals.note(refusal);
    if (target === null) return;
    for (const host of hosts) host.sayRefused(target, refusal);
  }

  /** Tears every plugin down; those that take longer than `patienceMs` are killed. */
  async stop(patienceMs: number): Promise<void> {
    clearInterval(this.#checks);
    await Promise.all([...this.#hosts].map((host) => host.stop(patienceMs)));
    await Promise.all(this.#unloading);
    await this.#processors.ended();
  }

  #add(spec: PluginSpec): Wanted {
    const workers = this.#create(spec);
    this.#hosts.add(workers);
    return { workers, configs: spec.configs };
  }

  #create(spec: PluginSpec): PluginWorkers {
    const { reports } = this.#parts;
    const host: PluginWorkers = new PluginWorkers(spec, this.#options, {
      ...this.#parts,
      reports: {
        failed: (id, failure) => reports.failed(id, failure),
        loaded: (...report) => reports.loaded(...report),
        // What the next version failed with stays said, however well the one before does.
        ready: (id) => {
          if (!this.#succession.isSuperseded(host, id)) reports.ready(id);
        },
        gaveUp: (id, version, decided) => {
          const serving = this.#succession.serving.get(id)?.workers;
          if (serving !== undefined && serving !== host) decided("version before");
          else reports.gaveUp(id, version, decided);
        },
      },
      breaker: this.#parts.breakers.of(spec),
      refused: (refusal) => this.refused(refusal),
      settled: () => this.#advance(performance.now()),
      starts: this.#starts,
    });
    return host;
  }

  #check(now: number): void {
    for (const host of this.#hosts) host.check(now);
    this.#processors.look([...this.#hosts].flatMap(({ working }) => working), now);
    // No event starts a successor again whose process ended before it was set up.
    for (const host of this.#succession.successors) host.startAgain();
    this.#advance(now);
  }

  /** Lets successors take over that are set up; says of others that they have to wait. */
  #advance(now: number): void {
    if (this.#succession.advance(now)) this.#enforce();
    for (const host of this.#succession.successors) {
      if (!host.first.hasFailed || this.#saidWaiting.has(host)) continue;
      this.#saidWaiting.add(host);
      host.say("WARN", "This version is not set up: the version before goes on until it is.");
    }
  }

  /** Puts those that serve into force and ends those that do not any more. Returns how many. */
  #enforce(): number {
    const { serving } = this.#succession;
    this.targets.replace(
      [...serving.values()].map(({ workers, config }) => ({ host: workers.first, config })),
    );
    this.#chains.replace(this.targets.byTeam);
    const used = this.#succession.used();
    const gone = [...this.#hosts].filter((host) => !used.has(host));
    for (const host of gone) {
      this.#hosts.delete(host);
      this.#unload(host);
    }
    for (const host of this.#hosts) {
      for (const { id } of [...host.spec.configs]) {
        if (this.#succession.isFor(host, id)) continue;
        host.leave(id, (...events) => this.#process(...events));
      }
    }
    return gone.length;
  }

  #process(
    configId: number,
    texts: readonly Uint8Array[],
    people: readonly string[],
  ): Promise<EventResult[]> {
    const serving = this.#succession.serving.get(configId);
    return serving?.workers.process(configId, texts, people) ??
      Promise.resolve(texts.map((_, index) => passedBy(index)));
  }

  #unload(host: PluginWorkers): void {
    const { serving } = this.#succession;
    const isRevoked = host.spec.configs.some(({ id }) => {
      const successor = serving.get(id)?.workers.spec;
      return successor === undefined ||
        host.spec.grants.some((grant) => !successor.grants.includes(grant));
    });
    if (isRevoked) host.closeEgress();
    // What it has begun it may finish, as its successor would begin it again.
    const unloading = host.stop(
      isRevoked ? UNLOAD_MS : UNLOAD_MS + this.#options.taskTimeoutMs,
      (configId, texts, people) => this.#process(configId, texts, people),
    );
    this.#unloading.add(unloading);
    unloading.finally(() => this.#unloading.delete(unloading));
  }
}

/** Of those that may share a process: the same code, organization and grants. */
function groupOf(spec: PluginSpec): string {
  return JSON.stringify([spec.id, spec.organizationId, spec.version, spec.isolatedConfigId]);
}
