import { setTimeout as sleep } from "node:timers/promises";

/** Waits between tries: doubling from `firstMs` to `maxMs`, each with up to 25 % of jitter. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  #failures = 0;

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Resolves after the next wait, or at once when `signal` fires. */
  async failed(signal: AbortSignal): Promise<void> {
    const base = Math.min(this.#firstMs * 2 ** this.#failures, this.#maxMs);
    this.#failures++;
    try {
      await sleep(base * (1 + Math.random() / 4), undefined, { signal });
    } catch {
      // Aborted: the caller looks at the signal.
    }
  }
}
