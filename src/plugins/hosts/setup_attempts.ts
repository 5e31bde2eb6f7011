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

  /** Of how many configs the first setup in this process came to an end. */
  get settled(): number {
    return this.#settled.size;
  }

  /** And how many succeeded. */
  get ready(): number {
    return this.#ready.size;
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
      return { kind: "ready" };
    }
    const failures = (this.#failures.get(configId) ?? 0) + 1;
    this.#failures.set(configId, failures);
    if (failures >= ATTEMPTS) return { kind: "give up", attempts: ATTEMPTS };
    return { kind: "retry", waitMs: FIRST_WAIT_MS * 2 ** (failures - 1) };
  }
}

export type SetupOutcome =
  | { readonly kind: "ready" }
  | { readonly kind: "retry"; readonly waitMs: number }
  | { readonly kind: "give up"; readonly attempts: number };
