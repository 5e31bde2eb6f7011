/** Notices a server that has done nothing for too long (STALENESS_RESTART_SECONDS). */

/** The longest time between two looks. */
const LOOK_MS = 10_000;

export class Staleness {
  readonly #idleMs: () => number;
  readonly #limitMs: number;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #noticed = Promise.withResolvers<number>();

  /**
   * @param idleMs how long nothing has come to its end
   * @param limitMs 0 is never
   */
  constructor(idleMs: () => number, limitMs: number) {
    this.#idleMs = idleMs;
    this.#limitMs = limitMs;
    this.#timer = setInterval(() => this.#look(), Math.min(limitMs || LOOK_MS, LOOK_MS));
  }

  /** Resolves with the ms of idleness once it is too long; otherwise never. */
  get noticed(): Promise<number> {
    return this.#noticed.promise;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const idleMs = this.#idleMs();
    if (this.#limitMs > 0 && idleMs > this.#limitMs) this.#noticed.resolve(idleMs);
  }
}
