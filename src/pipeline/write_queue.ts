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
      this.#waiting.push({ item, keys: keysOf(item) });
    }
    this.#wakeups.wake();
  }

  /**
   * Up to `max` items whose keys nobody holds, oldest first. An item that shares a key with one that
   * has to wait has to wait as well. The caller lets go of their keys with `release` when they are
   * durable; those of items that are not are kept, until `release` is called again.
   */
  take(max: number): { items: WriteItem[]; release: (except?: readonly WriteItem[]) => void } {
    const taken: WriteItem[] = [];
    let mine = new Set<string>();
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
    const release = (except: readonly WriteItem[] = []) => {
      const kept = new Set(except.flatMap(keysOf));
      for (const key of mine) if (!kept.has(key)) this.#held.delete(key);
      mine = kept;
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

function keysOf({ work }: WriteItem): string[] {
  return work.kind === "event" ? conflictKeys(work.event) : [];
}

/**
 * The items in groups of which no two share a key, directly or by way of others; each in the order
 * given, and the groups in that of their first items.
 */
export function independentGroups(items: readonly WriteItem[]): WriteItem[][] {
  const groupOf = new Map<string, WriteItem[]>();
  const groups = new Set<WriteItem[]>();
  const places = new Map(items.map((item, index) => [item, index]));
  for (const item of items) {
    const keys = keysOf(item);
    const met = new Set<WriteItem[]>();
    for (const key of keys) {
      const group = groupOf.get(key);
      if (group !== undefined) met.add(group);
    }
    const [mine = [], ...others] = met;
    for (const other of others) {
      mine.push(...other);
      groups.delete(other);
      for (const [key, group] of groupOf) if (group === other) groupOf.set(key, mine);
    }
    mine.push(item);
    groups.add(mine);
    for (const key of keys) groupOf.set(key, mine);
  }
  const place = (item: WriteItem) => places.get(item) ?? 0;
  for (const group of groups) group.sort((one, other) => place(one) - place(other));
  const first = (group: readonly WriteItem[]) => place(group[0] as WriteItem);
  return [...groups].sort((one, other) => first(one) - first(other));
}
