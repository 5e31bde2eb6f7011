/**
 * Keeps a plugin that keeps crashing or hanging from costing more than itself. A few strikes within
 * a while pause it; each pause is longer than the one before; work done in between forgives.
 */
export interface BreakerOptions {
  /** Strikes that pause it. */
  readonly strikes: number;
  /** Strikes older than this do not count. */
  readonly windowMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

export const DEFAULT_BREAKER: BreakerOptions = {
  strikes: 5,
  windowMs: 60_000,
  firstPauseMs: 10_000,
  longestPauseMs: 600_000,
};

export class Breaker {
  readonly #options: BreakerOptions;
  #strikes: number[] = [];
  #pauses = 0;
  #pausedUntil = 0;

  constructor(options: BreakerOptions = DEFAULT_BREAKER) {
    this.#options = options;
  }

  /** @param now of the monotonic clock, in ms */
  isPaused(now: number): boolean {
    return now < this.#pausedUntil;
  }

  /** Counts a crash or a hang. Returns the length of the pause it brought, or null. */
  strike(now: number): number | null {
    const { strikes, windowMs, firstPauseMs, longestPauseMs } = this.#options;
    this.#strikes = [...this.#strikes.filter((moment) => now - moment < windowMs), now];
    if (this.#strikes.length < strikes) return null;
    const pause = Math.min(firstPauseMs * 2 ** this.#pauses, longestPauseMs);
    this.#pauses++;
    this.#pausedUntil = now + pause;
    this.#strikes = [];
    return pause;
  }

  /** Counts work that went well; enough time of it after a pause, and the next pause is short. */
  succeeded(now: number): void {
    if (this.#pauses > 0 && now - this.#pausedUntil > this.#options.windowMs) this.#pauses = 0;
  }
}
