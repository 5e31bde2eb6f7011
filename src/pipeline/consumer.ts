import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { Source } from "../sources/source.ts";
import { Backoff } from "./backoff.ts";
import type { Pipeline } from "./pipeline.ts";

export interface ConsumerOptions {
  /** Messages in one take at most. */
  readonly takeItems: number;
  readonly takeBytes: number;
}

/** Carries batches from one source into the pipeline for as long as there is room. */
export class Consumer {
  readonly source: Source;
  readonly #pipeline: Pipeline;
  readonly #options: ConsumerOptions;
  readonly #stop = new AbortController();
  readonly #backoff = new Backoff(50, 5_000);
  readonly #log = getLogger(["paddock", "consumer"]);
  #running: Promise<void> | null = null;
  #unavailable: string | null = null;
  #lastTake = performance.now();
  /** Taken since the start. */
  batches = 0;

  constructor(source: Source, pipeline: Pipeline, options: ConsumerOptions) {
    this.source = source;
    this.#pipeline = pipeline;
    this.#options = options;
  }

  /** Why nothing can be taken now, or null. */
  get unavailable(): string | null {
    return this.#unavailable ?? this.source.unavailable ?? null;
  }

  /** Milliseconds since the source last answered. */
  get silentForMs(): number {
    return performance.now() - this.#lastTake;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Takes nothing more; resolves when what was taken is in the pipeline. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#pipeline.hasRoom(signal);
      if (signal.aborted) return;
      const { room } = this.#pipeline;
      try {
        const batch = await this.source.take({
          items: Math.min(this.#options.takeItems, room.items),
          bytes: Math.min(this.#options.takeBytes, room.bytes),
        }, signal);
        this.#lastTake = performance.now();
        if (this.#backoff.failures > 0) this.#log.info`${this.source.name} answers again`;
        this.#backoff.succeeded();
        this.#unavailable = null;
        if (batch === null) continue;
        this.batches++;
        await this.#pipeline.accept(this.source.name, batch);
      } catch (error) {
        if (signal.aborted) return;
        this.#unavailable = errorMessage(error);
        if (this.#backoff.failures === 0) {
          this.#log.warn`${this.source.name} cannot be read: ${this.#unavailable}`;
        }
        await this.#backoff.failed(signal);
      }
    }
  }
}
