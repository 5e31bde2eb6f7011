/** The part of the composition root that is about plugins. */
import type { Config } from "./config/config.ts";
import { PaddockError } from "./errors.ts";
import type { PluginChains } from "./pipeline/plugin_chains.ts";
import type { PluginJob } from "./sources/source.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Storage } from "./storage.ts";
import type { PubSub } from "./stores/pubsub.ts";

/** What the pipeline gets of the plugins. */
export interface PluginParts {
  readonly chains: PluginChains;
  readonly enqueueJob: (job: PluginJob) => Promise<void>;
}

export function startPlugins(
  _config: Config,
  _storage: Storage,
  _notifications: PubSub,
  _started: StopStack,
): Promise<PluginParts> {
  return Promise.resolve({
    chains: { has: () => false, run: () => Promise.resolve([]) },
    enqueueJob: () => Promise.reject(new PaddockError("PDK_USAGE", "x")),
  });
}
