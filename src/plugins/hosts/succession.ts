/** Who serves each plugin config: a version stays in force until its successor is set up. */
import type { PluginConfig } from "../types.ts";
import type { PluginWorkers } from "./plugin_workers.ts";

/** One that is to take over, and by when it does so even if it is not set up. */
interface Successor {
  readonly workers: PluginWorkers;
  readonly due: number;
}

/** One that is wanted, and the configs that it is wanted for. */
export interface Wanted {
  readonly workers: PluginWorkers;
  readonly configs: readonly PluginConfig[];
}

/** One that is in force for a config. */
export interface Serving {
  readonly workers: PluginWorkers;
  readonly config: PluginConfig;
}

/**
 * Configs of an old process that are wanted no more end with it, so that those beside them stay for
 * so long and no longer.
 */
const BESIDE_REMOVED_MS = 5_000;

export class Succession {
  readonly #serving = new Map<number, Serving>();
  readonly #successors = new Map<number, Successor>();
  /** When those end at the latest that a config was removed of. */
  readonly #due = new WeakMap<PluginWorkers, number>();

  /** By config id. */
  get serving(): ReadonlyMap<number, Serving> {
    return this.#serving;
  }

  /** Those that serve a config, or are to. */
  used(): ReadonlySet<PluginWorkers> {
    const used = new Set<PluginWorkers>();
    for (const { workers } of this.#serving.values()) used.add(workers);
    for (const { workers } of this.#successors.values()) used.add(workers);
    return used;
  }

  /** Those that are to take over. */
  get successors(): ReadonlySet<PluginWorkers> {
    return new Set([...this.#successors.values()].map(({ workers }) => workers));
  }

  /** Whether this one serves the config, or is to. */
  isFor(workers: PluginWorkers, configId: number): boolean {
    return this.#serving.get(configId)?.workers === workers ||
      this.#successors.get(configId)?.workers === workers;
  }

  /** Whether another one is to take the config over. */
  isSuperseded(workers: PluginWorkers, configId: number): boolean {
    const successor = this.#successors.get(configId)?.workers;
    return successor !== undefined && successor !== workers;
  }

  /**
   * Makes these the ones that are wanted. A config without a predecessor that works is theirs at
   * once, and so is one whose predecessor may reach what was revoked meanwhile.
   * @param now of the monotonic clock, in ms
   */
  want(wanted: readonly Wanted[], now: number): void {
    const ids = new Set(wanted.flatMap(({ configs }) => configs.map(({ id }) => id)));
    this.remove(ids, now);
    this.#successors.clear();
    for (const { workers, configs } of wanted) {
      for (const config of configs) {
        const old = this.#serving.get(config.id)?.workers;
        if (old !== workers && old !== undefined && mayStay(old, workers, config.id)) {
          this.#successors.set(config.id, { workers, due: this.#due.get(old) ?? Infinity });
        } else this.#serving.set(config.id, { workers, config });
      }
    }
  }

  /**
   * Ends the serving of configs that are not among these. Returns who served them.
   * @param now of the monotonic clock, in ms
   */
  remove(ids: { has(id: number): boolean }, now: number): ReadonlySet<PluginWorkers> {
    const shrunk = new Set<PluginWorkers>();
    for (const [id, { workers }] of [...this.#serving]) {
      if (ids.has(id)) continue;
      workers.remove(id);
      if (!this.#due.has(workers)) this.#due.set(workers, now + BESIDE_REMOVED_MS);
      this.#serving.delete(id);
      this.#successors.delete(id);
      shrunk.add(workers);
    }
    return shrunk;
  }

  /**
   * Lets successors take over that are set up, or due. True if any did.
   * @param now of the monotonic clock, in ms
   */
  advance(now: number): boolean {
    let changed = false;
    for (const [id, { workers, due }] of [...this.#successors]) {
      if (!workers.first.isSetUp(id) && now < due) continue;
      const config = workers.spec.configs.find((each) => each.id === id) as PluginConfig;
      this.#serving.set(id, { workers, config });
      this.#successors.delete(id);
      changed = true;
    }
    return changed;
  }
}

/** Whether an old version may go on until the new one is set up. */
function mayStay(old: PluginWorkers, next: PluginWorkers, configId: number): boolean {
  const isRevoked = old.spec.grants.some((grant) => !next.spec.grants.includes(grant));
  return !isRevoked && old.first.hasServed(configId);
}
