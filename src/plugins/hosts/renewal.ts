/**
 * When a process that stands back for others is to make room for one that does not. The lowest
 * priority cannot be taken from a process again without being root, and where other programs keep
 * the processors busy it leaves next to nothing: a plugin that was in trouble once, or whose process
 * somebody else killed, would crawl until its next version.
 */

/** For so long it has to be well: what is in trouble again and again keeps standing back. */
const WELL_MS = 10_000;

export class Renewal {
  readonly #wellMs: number;
  #wellSince: number | null = null;

  constructor(wellMs = WELL_MS) {
    this.#wellMs = wellMs;
  }

  /**
   * To be called about once a second.
   * @param isWell whether the process stands back without a reason to
   * @param now of the monotonic clock, in ms
   */
  isDue(isWell: boolean, now: number): boolean {
    if (!isWell) {
      this.#wellSince = null;
      return false;
    }
    this.#wellSince ??= now;
    return now - this.#wellSince >= this.#wellMs;
  }
}
