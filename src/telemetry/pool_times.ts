/** How long work waited for plugins' processes and took there, as a thread pool tells of itself. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

const PERCENTILES = { p99_99: 99.99, p99: 99, p95: 95, p90: 90, p75: 75, p50: 50 };

/** Percentiles are of the last ten minutes, a part of which is forgotten at a time; the rest is of all time. */
const PARTS = 5;
const PART_MS = 120_000;

export class PoolTimes {
  readonly #now: () => number;
  /** Of µs, as they count whole numbers. */
  readonly #parts = new Map<number, RecordableHistogram>();
  #count = 0;
  #sum = 0;
  #squares = 0;
  #min = Infinity;

  /** @param now a monotonic clock in ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Of all that was added. */
  get sumMs(): number {
    return this.#sum;
  }

  add(ms: number): void {
    const number = this.#part();
    let part = this.#parts.get(number);
    if (part === undefined) {
      part = createHistogram();
      this.#parts.set(number, part);
      this.#forget();
    }
    part.record(Math.max(1, Math.round(ms * 1000)));
    this.#count++;
    this.#sum += ms;
    this.#squares += ms * ms;
    this.#min = Math.min(this.#min, ms);
  }

  /** In ms by name (`mean`, `p99_99`, …); none before something was added. */
  read(): Record<string, number> {
    if (this.#count === 0) return {};
    this.#forget();
    const mean = this.#sum / this.#count;
    const recent = createHistogram();
    for (const part of this.#parts.values()) recent.add(part);
    const at = (percent: number) => recent.count === 0 ? 0 : recent.percentile(percent) / 1000;
    return {
      average: mean,
      mean,
      stddev: Math.sqrt(Math.max(0, this.#squares / this.#count - mean * mean)),
      min: this.#min,
      ...Object.fromEntries(
        Object.entries(PERCENTILES).map(([name, percent]) => [name, at(percent)]),
      ),
    };
  }

  #part(): number {
    return Math.floor(this.#now() / PART_MS);
  }

  #forget(): void {
    const oldest = this.#part() - PARTS;
    for (const number of this.#parts.keys()) if (number <= oldest) this.#parts.delete(number);
  }
}
