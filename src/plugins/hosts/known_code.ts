/** What is known of one version of a plugin's code. */
import type { PluginCapabilities } from "../types.ts";

const NO_EXPORTS: PluginCapabilities = { methods: [], scheduled_tasks: [], jobs: [] };

export class KnownCode {
  /** Whether it cannot be loaded. */
  isBroken = false;
  #exports: PluginCapabilities | null;

  /** @param exports null where it was never loaded, by whomever */
  constructor(exports: PluginCapabilities | null) {
    this.#exports = exports;
  }

  loaded(exports: PluginCapabilities): void {
    this.#exports = exports;
  }

  /** Null until it was loaded once, nothing if it cannot be. */
  get exports(): PluginCapabilities | null {
    return this.isBroken ? NO_EXPORTS : this.#exports;
  }

  /** False once it is known that it has nothing to say about events. */
  get mayProcessEvents(): boolean {
    const methods = this.#exports?.methods;
    return methods === undefined || methods.includes("processEvent") ||
      methods.includes("processEventBatch");
  }
}
