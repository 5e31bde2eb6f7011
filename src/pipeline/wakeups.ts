/** Callers that wait until something changed. */
export class Wakeups {
  #waiting: (() => void)[] = [];

  /** Resolves at the next `wake`, or when `signal` fires. */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      signal.removeEventListener("abort", aborted);
      resolve();
    };
    const aborted = () => {
      this.#waiting = this.#waiting.filter((other) => other !== wake);
      resolve();
    };
    signal.addEventListener("abort", aborted, { once: true });
    this.#waiting.push(wake);
    return promise;
  }

  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
