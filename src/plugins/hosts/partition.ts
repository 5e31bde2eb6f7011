/** Which of a plugin's configs stay where they are, and which get a new process. */
import type { PluginConfig, PluginSpec } from "../types.ts";
import type { PluginWorkers } from "./plugin_workers.ts";
import type { Wanted } from "./succession.ts";

/**
 * A config that is changed, or comes new, gets a process of its own, and those beside it keep theirs
 * with all its state. Over so many for one plugin the smallest are put together again, of these the
 * newest, and those first that have no process now.
 */
const MAX_PARTS = 8;

export interface Partition {
  readonly kept: readonly Wanted[];
  /** Those that need a new process, together. */
  readonly rest: readonly PluginConfig[];
}

/** @param candidates those that run the same code for the same organization with the same grants */
export function partition(spec: PluginSpec, candidates: readonly PluginWorkers[]): Partition {
  const rest = new Map(spec.configs.map((config) => [config.id, config]));
  let kept: Wanted[] = [];
  for (const workers of candidates) {
    const configs = workers.spec.configs.filter(({ id, updatedAt }) =>
      rest.get(id)?.updatedAt === updatedAt
    );
    for (const { id } of configs) rest.delete(id);
    if (configs.length > 0) kept.push({ workers, configs });
  }
  const tooMany = kept.length + 1 - MAX_PARTS;
  if (rest.size > 0 && tooMany > 0) {
    kept = kept.toReversed().toSorted((one, other) => weightOf(one) - weightOf(other));
    for (const { configs } of kept.splice(0, tooMany)) {
      for (const config of configs) rest.set(config.id, config);
    }
  }
  return { kept, rest: spec.configs.filter(({ id }) => rest.has(id)) };
}

/** What would be lost with its processes. */
function weightOf({ workers, configs }: Wanted): number {
  return workers.pid === null ? 0 : configs.length;
}
