/** The server's numbers, second by second, so that a plot has a past when it is opened. */

/** Totals since the start, and sizes now. */
export interface ServerNumbers {
  readonly received: number;
  readonly stored: number;
  readonly dropped: number;
  readonly deadLettered: number;
  /** Events that a plugin failed with. */
  readonly pluginFailures: number;
  readonly batches: number;
  /** How long all batches together took to become durable. */
  readonly batchMs: number;
  readonly inFlight: number;
  readonly memoryBytes: number;
}

/** One second. Rates are per second. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly receivedRate: number;
  readonly storedRate: number;
  /** Dead letters and plugins' failures. */
  readonly errorRate: number;
  /** Average of the batches that became durable within it; null where none did. */
  readonly latencyMs: number | null;
  readonly inFlight: number;
  /** Events that wait to be taken; null where nobody looked. */
  readonly queued: number | null;
  readonly memoryBytes: number;
}

const EVERY_MS = 1_000;
const KEPT = 600;
/** Without anybody who looks, the queue is not asked for its length. */
const WATCHED_MS = 15_000;

export class Sampler {
  readonly #numbers: () => ServerNumbers;
  readonly #queued: () => Promise<number>;
  readonly #timer: ReturnType<typeof setInterval>;
  #samples: Sample[] = [];
  #last: ServerNumbers;
  #lastAt = performance.now();
  #watchedAt = -Infinity;
  #sampling: Promise<void> | null = null;

  /** @param queued how many events wait; asked only while somebody looks */
  constructor(numbers: () => ServerNumbers, queued: () => Promise<number>) {
    this.#numbers = numbers;
    this.#queued = queued;
    this.#last = numbers();
    this.#timer = setInterval(() => {
      this.#sampling ??= this.#sample().finally(() => this.#sampling = null);
    }, EVERY_MS);
  }

  /** Samples that are newer than `since`, the oldest first. */
  samples(since: number): readonly Sample[] {
    this.#watchedAt = performance.now();
    return this.#samples.filter(({ at }) => at > since);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sampling;
  }

  async #sample(): Promise<void> {
    const isWatched = performance.now() - this.#watchedAt < WATCHED_MS;
    const queued = isWatched ? await this.#queued().catch(() => null) : null;
    const [now, numbers] = [performance.now(), this.#numbers()];
    const last = this.#last;
    const seconds = (now - this.#lastAt) / 1000;
    const rate = (name: "received" | "stored" | "deadLettered" | "pluginFailures") =>
      (numbers[name] - last[name]) / seconds;
    const batches = numbers.batches - last.batches;
    this.#samples.push({
      at: Date.now(),
      receivedRate: rate("received"),
      storedRate: rate("stored"),
      // Configs that are gone take their count along.
      errorRate: Math.max(0, rate("deadLettered") + rate("pluginFailures")),
      latencyMs: batches === 0 ? null : (numbers.batchMs - last.batchMs) / batches,
      inFlight: numbers.inFlight,
      queued,
      memoryBytes: numbers.memoryBytes,
    });
    if (this.#samples.length > KEPT) this.#samples.shift();
    [this.#last, this.#lastAt] = [numbers, now];
  }
}
