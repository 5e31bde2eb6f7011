/**
 * Keeps a plugin that crashes, hangs or dawdles from costing more than itself. Ordinary exceptions
 * are the plugin's own business and move nothing.
 *
 * ```
 * healthy ─ 2 strikes, or slow work ─▶ slow ─ 5 strikes ─▶ paused ─ after 5 pauses ─▶ disabled
 *    ▲──────── a minute of good work ────┘ ◀── its end ─────┘            until it is reset
 * ```
 * A strike is a crash, or a call that did not end by its deadline. What each state means for events:
 * - slow: as healthy, but one process at most, and when too many events wait they pass it by;
 * - paused: events pass the plugin by, marked as failed; each pause is twice as long as the last;
 * - disabled: events pass the plugin by, as if it were not installed.
 */
export type BreakerState = "healthy" | "slow" | "paused" | "disabled";

export interface BreakerOptions {
  /** Strikes within the window that move a healthy plugin to the slow lane. */
  readonly slowStrikes: number;
  /** Strikes within the window that pause it. */
  readonly pauseStrikes: number;
  /** Older strikes do not count; as much good work makes a plugin healthy again. */
  readonly windowMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** Pauses, without good work in between, after which the next is for good. */
  readonly maxPauses: number;
}

export const DEFAULT_BREAKER: BreakerOptions = {
  slowStrikes: 2,
  pauseStrikes: 5,
  windowMs: 60_000,
  firstPauseMs: 10_000,
  longestPauseMs: 600_000,
  maxPauses: 5,
};

/**
 * For calls that may take so long: the strikes of a plugin that always hangs come a deadline apart,
 * and as many as it takes to pause it have to fit into the window.
 */
export function breakerOptions(taskTimeoutMs: number): BreakerOptions {
  const windowMs = DEFAULT_BREAKER.windowMs + DEFAULT_BREAKER.pauseStrikes * taskTimeoutMs;
  return { ...DEFAULT_BREAKER, windowMs };
}

/** A state as it is stored and shown. */
export interface BreakerStatus {
  readonly state: BreakerState;
  /** What happened last, in words; empty for healthy. */
  readonly reason: string;
  /** Pauses without good work in between. */
  readonly pauses: number;
  /** How long a pause still lasts; 0 in any other state. */
  readonly pauseMs: number;
}

export const HEALTHY: BreakerStatus = { state: "healthy", reason: "", pauses: 0, pauseMs: 0 };

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #onChange: () => void;
  #state: BreakerState = "healthy";
  #reason = "";
  #strikes: number[] = [];
  #pauses = 0;
  #pausedUntil = 0;
  #lastTrouble = -Infinity;

  /** @param onChange called after each change of state that this server made */
  constructor(options: BreakerOptions = DEFAULT_BREAKER, onChange: () => void = () => {}) {
    this.#options = options;
    this.#onChange = onChange;
  }

  /** @param now of the monotonic clock, in ms, as in all that follows */
  status(now: number): BreakerStatus {
    const pauseMs = this.#state === "paused" ? Math.max(0, this.#pausedUntil - now) : 0;
    return { state: this.#state, reason: this.#reason, pauses: this.#pauses, pauseMs };
  }

  /** The state in force. The end of a pause puts a plugin on probation, in the slow lane. */
  state(now: number): BreakerState {
    if (this.#state === "paused" && now >= this.#pausedUntil) {
      this.#lastTrouble = now;
      this.#change("slow");
    }
    return this.#state;
  }

  /** Counts a crash or a hang. Returns the state it led to, or null where nothing changed. */
  strike(now: number, reason: string): BreakerState | null {
    const { slowStrikes, pauseStrikes, windowMs, maxPauses } = this.#options;
    const before = this.state(now);
    this.#strikes = [...this.#strikes.filter((moment) => now - moment < windowMs), now];
    this.#lastTrouble = now;
    if (before === "disabled" || before === "paused") return null;
    if (this.#strikes.length >= pauseStrikes) {
      this.#reason = reason;
      this.#strikes = [];
      if (this.#pauses >= maxPauses) return this.#change("disabled");
      const { firstPauseMs, longestPauseMs } = this.#options;
      this.#pausedUntil = now + Math.min(firstPauseMs * 2 ** this.#pauses, longestPauseMs);
      this.#pauses++;
      return this.#change("paused");
    }
    return this.#strikes.length >= slowStrikes ? this.#slow(reason) : null;
  }

  /** Notes work that took long without hanging. Returns "slow" where that is new. */
  dawdled(now: number, reason: string): BreakerState | null {
    this.state(now);
    this.#lastTrouble = now;
    return this.#slow(reason);
  }

  /** Notes work that went well. Returns "healthy" where enough of it has made it so again. */
  worked(now: number): BreakerState | null {
    if (this.state(now) !== "slow" || now - this.#lastTrouble < this.#options.windowMs) return null;
    this.#pauses = 0;
    this.#strikes = [];
    this.#reason = "";
    return this.#change("healthy");
  }

  /** Takes over what another server, an earlier run or an operator decided. */
  adopt({ state, reason, pauses, pauseMs }: BreakerStatus, now: number): void {
    if (state === this.#state && pauses === this.#pauses) return;
    if (state === "healthy") this.#strikes = [];
    this.#state = state;
    this.#reason = reason;
    this.#pauses = pauses;
    this.#pausedUntil = now + pauseMs;
    if (state !== "healthy") this.#lastTrouble = now;
  }

  #slow(reason: string): BreakerState | null {
    if (this.#state !== "healthy") return null;
    this.#reason = reason;
    return this.#change("slow");
  }

  #change(state: BreakerState): BreakerState {
    this.#state = state;
    this.#onChange();
    return state;
  }
}
