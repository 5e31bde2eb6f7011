import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { DeadLetter } from "../events/dead_letter.ts";
import type { PreparedEvent } from "../events/prepared_event.ts";
import { traceDone, type TracePlace } from "../telemetry/tracing.ts";
import { Backoff } from "./backoff.ts";
import type { Counters } from "./counters.ts";
import type { EventStore } from "./event_store.ts";
import type { WriteItem, WriteQueue } from "./write_queue.ts";

export interface WriterOptions {
  /** Items in one transaction at most. */
  readonly batchSize: number;
}

/** How long a writer waits for more while others write. */
const GATHER_MS = 10;

/**
 * Takes from the write queue and makes durable, one transaction at a time. A server runs several.
 *
 * A store that is away makes it wait and try the same batch again. A refused row makes it split the
 * batch until the row is alone, and that row becomes a dead letter.
 */
export class Writer {
  readonly #queue: WriteQueue;
  readonly #store: EventStore;
  readonly #counters: Counters;
  readonly #options: WriterOptions;
  readonly #stop = new AbortController();
  readonly #backoff = new Backoff(50, 5_000);
  readonly #log = getLogger(["paddock", "writer"]);
  #running: Promise<void> | null = null;

  constructor(queue: WriteQueue, store: EventStore, counters: Counters, options: WriterOptions) {
    this.#queue = queue;
    this.#store = store;
    this.#counters = counters;
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Finishes the transaction in hand (a store that is away is not waited for) and ends. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#gather();
      const { items, release } = this.#queue.take(this.#options.batchSize);
      if (items.length === 0) {
        await this.#queue.changed(signal);
        continue;
      }
      try {
        await this.#write(items);
      } finally {
        release();
      }
    }
  }

  /**
   * While another writer is at work there is no hurry: what trickles in out of many plugins' batches
   * gathers for a moment, and costs one transaction instead of many.
   */
  async #gather(): Promise<void> {
    const enough = this.#options.batchSize / 2;
    if (!this.#queue.isWriting || this.#queue.size >= enough) return;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(GATHER_MS)]);
    while (!signal.aborted && this.#queue.isWriting && this.#queue.size < enough) {
      await this.#queue.changed(signal);
    }
  }

  /** Every item ends durable and told, unless the writer is stopped while its store is away. */
  async #write(items: readonly WriteItem[]): Promise<void> {
    const events: PreparedEvent[] = [];
    const letters: DeadLetter[] = [];
    for (const { work } of items) {
      if (work.kind === "event") events.push(work.event);
      else letters.push(work.letter);
    }
    while (true) {
      const began = performance.now();
      try {
        const report = await this.#store.write(events, letters);
        traceDone("write", { "paddock.events": events.length }, began, placesOf(items));
        if (this.#backoff.failures > 0) this.#log.info`the store answers again`;
        this.#backoff.succeeded();
        this.#counters.stored += report.stored;
        this.#counters.repeated += report.repeated;
        this.#counters.deadLettered += letters.length;
        this.#counters.storeUnavailable = null;
        for (const item of items) item.done();
        return;
      } catch (error) {
        if (!this.#store.isTransient(error)) {
          await this.#isolate(items, error);
          return;
        }
        this.#counters.storeUnavailable = errorMessage(error);
        if (this.#backoff.failures === 0) {
          this.#log.warn`the store is away, ${items.length} items wait: ${errorMessage(error)}`;
        }
        await this.#backoff.failed(this.#stop.signal);
        if (this.#stop.signal.aborted) return;
      }
    }
  }

  async #isolate(items: readonly WriteItem[], error: unknown): Promise<void> {
    if (items.length > 1) {
      const middle = items.length >> 1;
      await this.#write(items.slice(0, middle));
      await this.#write(items.slice(middle));
      return;
    }
    const item = items[0] as WriteItem;
    if (item.work.kind === "letter") {
      // A dead letter that cannot be stored has nowhere left to go but the log.
      const { letter } = item.work;
      this.#log.with({ uuid: letter.eventUuid, team: letter.teamId })
        .error`a dead letter was refused: ${errorMessage(error)} ${letter}`;
      this.#counters.lost++;
      item.done();
      return;
    }
    const letter = item.work.deadLetter(error);
    this.#log.with({ uuid: letter.eventUuid, team: letter.teamId })
      .warn`an event was refused and is a dead letter: ${letter.reason}`;
    await this.#write([{ work: { kind: "letter", letter }, done: () => item.done() }]);
  }
}

/** Each once: events of a batch share one. */
function placesOf(items: readonly WriteItem[]): TracePlace[] {
  const places = new Set(items.map(({ place }) => place));
  places.delete(undefined);
  return [...places] as TracePlace[];
}
