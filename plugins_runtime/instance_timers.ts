/**
 * The timers of one instance of a plugin, so that they end with it while others go on beside it.
 * Nothing depends on that: a plugin that reaches for the global functions keeps its timers until its
 * process ends, as it does with those that a library sets.
 */
type Run = (...args: unknown[]) => unknown;
type SetTimer = (run: Run, ms?: number, ...args: unknown[]) => unknown;
type ClearTimer = (id?: unknown) => void;

// Captured before any plugin text.
const setOnce = globalThis.setTimeout.bind(globalThis) as unknown as SetTimer;
const setRepeating = globalThis.setInterval.bind(globalThis) as unknown as SetTimer;
const clear = globalThis.clearTimeout.bind(globalThis) as unknown as ClearTimer;

/** What stands in for the global functions of these names in an instance's text. */
export interface TimerFunctions {
  readonly setTimeout: SetTimer;
  readonly setInterval: SetTimer;
  readonly clearTimeout: ClearTimer;
  readonly clearInterval: ClearTimer;
}

export class InstanceTimers {
  readonly #running = new Set<unknown>();
  #isEnded = false;

  readonly functions: TimerFunctions = {
    setTimeout: (run, ...rest) => {
      if (this.#isEnded) return 0;
      // What is no function is the global one's to complain of.
      if (typeof run !== "function") return setOnce(run, ...rest);
      const [ms, ...args] = rest;
      const id = setOnce(() => {
        this.#running.delete(id);
        run(...args);
      }, ms);
      this.#running.add(id);
      return id;
    },
    setInterval: (...given) => {
      if (this.#isEnded) return 0;
      const id = setRepeating(...given);
      this.#running.add(id);
      return id;
    },
    clearTimeout: (id) => this.#clear(id),
    clearInterval: (id) => this.#clear(id),
  };

  /** Stops those that run, and starts no more. */
  end(): void {
    this.#isEnded = true;
    for (const id of this.#running) clear(id);
    this.#running.clear();
  }

  #clear(id: unknown): void {
    this.#running.delete(id);
    clear(id);
  }
}
