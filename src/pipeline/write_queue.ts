/**
 * Prepared events waiting for a writer. Several writers work at once, yet two events that touch the
 * same distinct id are never in two transactions at a time and never overtake each other.
 */
import type { DeadLetter } from "../events/dead_letter.ts";
import { conflictKeys, type PreparedEvent } from "../events/prepared_event.ts";
import type { TracePlace } from "../telemetry/tracing.ts";
import { Wakeups } from "./wakeups.ts";

/** One thing to make durable, and whom to tell. */
export interface WriteItem {
  readonly work:
    | {
      readonly kind: "event";
      readonly event: PreparedEvent;
      deadLetter(error: unknown): DeadLetter;
    }
    | { readonly kind: "letter"; readonly letter: DeadLetter };
  /** Called once it is durable. */
  done(): void;
  /** Where it comes from. */
  readonly place?: TracePlace;
}

interface Waiting {
  readonly item: WriteItem;
  readonly keys: readonly string[];
}

/** How far past the wanted number a take looks for work that is not blocked. */
const SCAN_FACTOR = 4;

export class WriteQueue {
  #waiting: Waiting[] = [];
  /** Keys of what writers have in hand. */
  readonly #held = new Set<string>();
  readonly #wakeups = new Wakeups();

  /** Waiting items, not counting those a writer has in hand. */
  get size(): number {
    return this.#waiting.length;
  }

  push(items: readonly WriteItem[]): void {
    for (const item of items) {
      const keys = item.work.kind === "event" ? conflictKeys(item.work.event) : [];
      this.#waiting.push({ item, keys });
    }
    this.#wakeups.wake();
  }

  /**
   * Up to `max` items whose keys nobody holds, oldest first. An item that shares a key with one that
   * has to wait has to wait as well. The caller hands the claim to `release` when they are durable.
   */
  take(max: number): { items: WriteItem[]; release: () => void } {
    const taken: WriteItem[] = [];
    const mine = new Set<string>();
    const skipped: Waiting[] = [];
    const blocked = new Set<string>();
    let scanned = 0;
    const scanLimit = Math.min(this.#waiting.length, max * SCAN_FACTOR);
    for (; scanned < scanLimit && taken.length < max; scanned++) {
      const waiting = this.#waiting[scanned] as Waiting;
      if (waiting.keys.some((key) => this.#held.has(key) || blocked.has(key))) {
        for (const key of waiting.keys) blocked.add(key);
        skipped.push(waiting);
        continue;
      }
      for (const key of waiting.keys) mine.add(key);
      taken.push(waiting.item);
    }
    if (scanned > 0) this.#waiting = skipped.concat(this.#waiting.slice(scanned));
    for (const key of mine) this.#held.add(key);
    const release = () => {
      for (const key of mine) this.#held.delete(key);
      this.#wakeups.wake();
    };
    return { items: taken, release };
  }

  /** Whether a writer has work in hand. */
  get isWriting(): boolean {
    return this.#held.size > 0;
  }

  /** Resolves at the next push or release, or when `signal` fires. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#wakeups.wait(signal);
  }
}
