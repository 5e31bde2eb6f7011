/** How often a config's setupPlugin was tried, and when it is tried again. */
import type { PluginError } from "../../../plugins_runtime/frames.ts";

/** Tried this often, waiting 3 s, 6 s, 12 s … in between, as the server before did. */
const ATTEMPTS = 10;
const FIRST_WAIT_MS = 3_000;

export class SetupAttempts {
  readonly #failures = new Map<number, number>();
  /** Configs whose setup came to an end, one way or the other. */
  readonly #settled = new Set<number>();
  readonly #ready = new Set<number>();
  /** Configs that were ever set up. */
  readonly #served = new Set<number>();

  /** Of how many configs the first setup in this process came to an end. */
  get settled(): number {
    return this.#settled.size;
  }

  /** And how many succeeded. */
  get ready(): number {
    return this.#ready.size;
  }

  /** Whether it is set up in this process. */
  isReady(configId: number): boolean {
    return this.#ready.has(configId);
  }

  /** Whether it ever was, in this process or one before it. */
  hasServed(configId: number): boolean {
    return this.#served.has(configId);
  }

  isSettled(configId: number): boolean {
    return this.#settled.has(configId);
  }

  /** A new process sets everything up again. */
  restarted(): void {
    this.#settled.clear();
    this.#ready.clear();
  }

  /** What follows from an attempt's end. */
  ended(configId: number, error: PluginError | null): SetupOutcome {
    this.#settled.add(configId);
    if (error === null) {
      this.#failures.delete(configId);
      this.#ready.add(configId);
      this.#served.add(configId);
      return { kind: "ready" };
    }
    const failures = (this.#failures.get(configId) ?? 0) + 1;
    this.#failures.set(configId, failures);
    const waits = Math.min(failures, ATTEMPTS - 1) - 1;
    const waitMs = FIRST_WAIT_MS * 2 ** waits;
    return failures >= ATTEMPTS
      ? { kind: "give up", attempts: ATTEMPTS, waitMs }
      : { kind: "retry", waitMs };
  }
}

export type SetupOutcome =
  | { readonly kind: "ready" }
  | { readonly kind: "retry"; readonly waitMs: number }
  /** Tried again all the same, as long as the config is not disabled. */
  | { readonly kind: "give up"; readonly attempts: number; readonly waitMs: number };
