/** Events out of the queue on Postgres. */
import { setTimeout as sleep } from "node:timers/promises";
import { type LeasedEvents, LeaseHolder, type LeaseStore } from "../lease_holder.ts";
import type { ReceivedBatch, Source, TakeLimit } from "../source.ts";

/** What this source needs of the store. */
export interface QueueStore extends LeaseStore {
  take(owner: string, limit: TakeLimit, ttlMs: number): Promise<LeasedEvents[]>;
  depth(): Promise<number>;
}

/** Tells of new rows; see `src/stores/pubsub.ts`. */
export interface QueueSignal {
  subscribe(onNews: () => void): Promise<() => Promise<void>>;
}

export interface QueueSourceOptions {
  /** Rows of a server that stopped for so long are taken over by others. */
  readonly leaseTtlMs: number;
}

/** A take that finds nothing gives up after so long. */
const TAKE_MS = 5_000;

/** An idle source looks by itself this often at most, for rows whose holder died. */
const LOOK_MS = 2_000;

export class QueueSource implements Source {
  readonly name = "queue";
  readonly #store: QueueStore;
  readonly #signal: QueueSignal;
  readonly #options: QueueSourceOptions;
  readonly #lease: LeaseHolder;
  #unsubscribe: (() => Promise<void>) | undefined;
  /** Whether something came since the last take began. */
  #news = true;
  #nextLook = 0;
  #wake: () => void = () => {};

  constructor(store: QueueStore, signal: QueueSignal, options: QueueSourceOptions) {
    this.#store = store;
    this.#signal = signal;
    this.#options = options;
    this.#lease = new LeaseHolder(store, this.name, options.leaseTtlMs);
  }

  async open(): Promise<void> {
    this.#unsubscribe = await this.#signal.subscribe(() => this.notify());
    this.#lease.start();
  }

  /** Says that something was appended, for appends of this very process. */
  notify(): void {
    this.#news = true;
    this.#wake();
  }

  async take(limit: TakeLimit, signal: AbortSignal): Promise<ReceivedBatch | null> {
    const rows = await this.#rows(limit, signal);
    if (rows.length === 0) return null;
    // There may be more than fitted: look again before waiting.
    this.#news = true;
    return this.#lease.batch(rows);
  }

  async depth(): Promise<number> {
    return await this.#store.depth();
  }

  async close(): Promise<void> {
    this.#lease.stop();
    await this.#unsubscribe?.();
  }

  /** Looks when there is news, and now and then without; empty when nothing came in time. */
  async #rows(
    limit: TakeLimit,
    signal: AbortSignal,
  ): Promise<LeasedEvents[]> {
    const { leaseTtlMs } = this.#options;
    const end = performance.now() + TAKE_MS;
    while (!signal.aborted) {
      const now = performance.now();
      if (this.#news || now >= this.#nextLook) {
        this.#news = false;
        this.#nextLook = now + Math.min(LOOK_MS, leaseTtlMs / 2);
        const rows = await this.#store.take(this.#lease.owner, limit, leaseTtlMs);
        if (rows.length > 0) return rows;
      } else if (now >= end) {
        break;
      } else {
        await this.#wait(Math.min(this.#nextLook, end) - now, signal);
      }
    }
    return [];
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    this.#wake = () => done.abort();
    try {
      await sleep(ms, undefined, { signal: AbortSignal.any([signal, done.signal]) });
    } catch {
      // Woken or stopped: the caller looks which.
    } finally {
      this.#wake = () => {};
    }
  }
}
