/** How long work waited for plugins' processes and took there, as a thread pool tells of itself. */
import { Summary } from "prom-client";

const PERCENTILES = { p99_99: 0.9999, p99: 0.99, p95: 0.95, p90: 0.9, p75: 0.75, p50: 0.5 };

/** Percentiles are of so long; the rest is of all time. */
const WINDOW = { maxAgeSeconds: 600, ageBuckets: 5 };

export class PoolTimes {
  readonly #percentiles = new Summary({
    name: "times",
    help: "In ms.",
    percentiles: Object.values(PERCENTILES),
    registers: [],
    ...WINDOW,
  });
  #count = 0;
  #sum = 0;
  #squares = 0;
  #min = Infinity;

  /** Of all that was added. */
  get sumMs(): number {
    return this.#sum;
  }

  add(ms: number): void {
    this.#percentiles.observe(ms);
    this.#count++;
    this.#sum += ms;
    this.#squares += ms * ms;
    this.#min = Math.min(this.#min, ms);
  }

  /** In ms by name (`mean`, `p99_99`, …); none before something was added. */
  async read(): Promise<Record<string, number>> {
    if (this.#count === 0) return {};
    const mean = this.#sum / this.#count;
    const { values } = await this.#percentiles.get();
    const at = (part: number) =>
      values.find(({ labels }) => Number(labels.quantile) === part)?.value ?? 0;
    return {
      average: mean,
      mean,
      stddev: Math.sqrt(Math.max(0, this.#squares / this.#count - mean * mean)),
      min: this.#min,
      ...Object.fromEntries(Object.entries(PERCENTILES).map(([name, part]) => [name, at(part)])),
    };
  }
}
