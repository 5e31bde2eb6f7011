/** What happened within the last minute, for those who look at it live. */
import type { Observer, PluginRun } from "./observer.ts";

/** The minute is cut into slots, of which the oldest is forgotten. */
const SLOTS = 6;
const SLOT_MS = 10_000;
/** Bounds of run times: from half a millisecond on, each twice the one before. */
const BOUNDS = Array.from({ length: 20 }, (_, index) => 0.5 * 2 ** index);

interface Slot {
  calls: number;
  events: number;
  failed: number;
  readonly times: Uint32Array;
}

/** Of one plugin, over the last minute. */
export interface RecentRuns {
  readonly eventsPerSecond: number;
  readonly callsPerSecond: number;
  readonly failed: number;
  /** Of a batch or call in the process, in ms: at most this; null where there was none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export class Recent implements Partial<Observer> {
  readonly #now: () => number;
  readonly #began: number;
  readonly #plugins = new Map<number, Map<number, Slot>>();
  readonly #sources = new Map<string, Map<number, number>>();

  /** @param now a monotonic clock in ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#began = now();
  }

  pluginRan({ pluginId, events, failed, runMs }: PluginRun): void {
    const slots = this.#plugins.get(pluginId) ?? new Map<number, Slot>();
    this.#plugins.set(pluginId, slots);
    const number = this.#slot();
    let slot = slots.get(number);
    if (slot === undefined) {
      slot = { calls: 0, events: 0, failed: 0, times: new Uint32Array(BOUNDS.length) };
      slots.set(number, slot);
      this.#forget(slots);
    }
    slot.calls++;
    slot.events += events;
    slot.failed += failed;
    const bucket = BOUNDS.findIndex((bound) => runMs <= bound);
    const index = bucket === -1 ? BOUNDS.length - 1 : bucket;
    slot.times[index] = (slot.times[index] ?? 0) + 1;
  }

  batchDone(source: string, events: number): void {
    const slots = this.#sources.get(source) ?? new Map<number, number>();
    this.#sources.set(source, slots);
    const number = this.#slot();
    slots.set(number, (slots.get(number) ?? 0) + events);
    this.#forget(slots);
  }

  runsOf(pluginId: number): RecentRuns {
    const slots = [...this.#fresh(this.#plugins.get(pluginId))];
    const sum = (of: (slot: Slot) => number) => slots.reduce((all, slot) => all + of(slot), 0);
    const times = BOUNDS.map((_, index) => sum((slot) => slot.times[index] ?? 0));
    return {
      eventsPerSecond: this.#perSecond(sum(({ events }) => events)),
      callsPerSecond: this.#perSecond(sum(({ calls }) => calls)),
      failed: sum(({ failed }) => failed),
      p50Ms: percentile(times, 0.5),
      p99Ms: percentile(times, 0.99),
    };
  }

  /** Events of a source that came to their end, each second. */
  eventsPerSecond(source: string): number {
    const slots = [...this.#fresh(this.#sources.get(source))];
    return this.#perSecond(slots.reduce((all, events) => all + events, 0));
  }

  #slot(): number {
    return Math.floor(this.#now() / SLOT_MS);
  }

  #perSecond(count: number): number {
    const lived = (this.#now() - this.#began) / 1000;
    const seconds = Math.min(SLOTS * SLOT_MS / 1000, Math.max(1, lived));
    return Math.round(count / seconds * 10) / 10;
  }

  *#fresh<Kept>(slots: ReadonlyMap<number, Kept> | undefined): Iterable<Kept> {
    const oldest = this.#slot() - SLOTS;
    for (const [number, slot] of slots ?? []) if (number > oldest) yield slot;
  }

  #forget(slots: Map<number, unknown>): void {
    const oldest = this.#slot() - SLOTS;
    for (const number of slots.keys()) if (number <= oldest) slots.delete(number);
  }
}

function percentile(times: readonly number[], share: number): number | null {
  const all = times.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let below = 0;
  for (const [index, count] of times.entries()) {
    below += count;
    if (below >= all * share) return BOUNDS[index] ?? null;
  }
  return null;
}
