import { getLogger } from "@logtape/logtape";
import { aboutEvent, type AboutOne, aboutSeveral } from "../telemetry/about.ts";
import { errorMessage } from "../errors.ts";
import type { DeadLetter } from "../events/dead_letter.ts";
import type { PreparedEvent } from "../events/prepared_event.ts";
import type { Observer } from "../telemetry/observer.ts";
import { traceDone, type TracePlace } from "../telemetry/tracing.ts";
import { Backoff } from "./backoff.ts";
import type { Counters } from "./counters.ts";
import type { EventStore } from "./event_store.ts";
import { independentGroups, type WriteItem, type WriteQueue } from "./write_queue.ts";

export interface WriterOptions {
  /** Items in one transaction at most. */
  readonly batchSize: number;
  readonly observer: Observer;
}

/** How long a writer waits for more while others write. */
const GATHER_MS = 25;
/** A reason of our own: without one, an error with a stack would be made. */
const TIME_IS_UP = "time is up";
/** Between two tries. */
const LONGEST_WAIT_MS = 2_000;
/** Of one writer; each may hold a connection now and then. */
const MAX_ASIDE = 5;

type SetAside = (items: readonly WriteItem[]) => void;

/**
 * Takes from the write queue and makes durable, one transaction at a time. A server runs several.
 *
 * A store that is away makes it wait and try the same batch again. A refused row makes it split the
 * batch until the row is alone, and that row becomes a dead letter. Rows that somebody outside holds
 * make it split the batch as well, and what needs them waits by itself.
 */
export class Writer {
  readonly #queue: WriteQueue;
  readonly #store: EventStore;
  readonly #counters: Counters;
  readonly #options: WriterOptions;
  readonly #observer: Observer;
  readonly #stop = new AbortController();
  readonly #log = getLogger(["paddock", "writer"]);
  /** What waits for rows that somebody outside holds. */
  readonly #aside = new Set<Promise<void>>();
  #running: Promise<void> | null = null;

  constructor(queue: WriteQueue, store: EventStore, counters: Counters, options: WriterOptions) {
    this.#queue = queue;
    this.#store = store;
    this.#counters = counters;
    this.#options = options;
    this.#observer = options.observer;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Finishes the transaction in hand (a store that is away is not waited for) and ends. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.#aside);
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
      const aside = new Set<readonly WriteItem[]>();
      const setAside = (group: readonly WriteItem[]) => {
        aside.add(group);
        const waiting = this.#write(group).finally(() => {
          this.#aside.delete(waiting);
          aside.delete(group);
          release([...aside].flat());
        });
        this.#aside.add(waiting);
      };
      await this.#write(items, setAside);
      release([...aside].flat());
    }
  }

  /**
   * While another writer is at work there is no hurry: what trickles in out of many plugins' batches
   * gathers for a moment, and costs one transaction instead of many.
   */
  async #gather(): Promise<void> {
    const enough = this.#options.batchSize / 2;
    if (!this.#queue.isWriting || this.#queue.size >= enough) return;
    // By a timer: to make and combine signals takes longer than all the rest of this.
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(TIME_IS_UP), GATHER_MS);
    const goesOn = () => !patience.signal.aborted && !this.#stop.signal.aborted;
    while (goesOn() && this.#queue.isWriting && this.#queue.size < enough) {
      await this.#queue.changed(patience.signal);
    }
    clearTimeout(timer);
  }

  /**
   * Every item ends durable and told, unless the writer is stopped while its store is away.
   * @param setAside takes items that have to wait for rows which somebody else holds
   */
  async #write(
    items: readonly WriteItem[],
    setAside: SetAside | null = null,
    isHasty = setAside === null,
  ): Promise<void> {
    const events: PreparedEvent[] = [];
    const letters: DeadLetter[] = [];
    for (const { work } of items) {
      if (work.kind === "event") events.push(work.event);
      else letters.push(work.letter);
    }
    const backoff = new Backoff(50, LONGEST_WAIT_MS);
    while (true) {
      const began = performance.now();
      try {
        const report = await this.#store.write(events, letters, isHasty);
        const attributes = { "paddock.events": events.length };
        traceDone({ name: "write", attributes, began }, placesOf(items));
        const recordings = events.filter(({ recording }) => recording !== null).length;
        if (events.length > 0) {
          this.#observer.stored(events.length, recordings, performance.now() - began);
        }
        if (backoff.failures > 0) {
          aboutSeveral(this.#log, items.map(subjectOf))
            .info`${items.length} items that waited are stored`;
        }
        this.#counters.stored += report.stored;
        this.#counters.repeated += report.repeated;
        this.#counters.deadLettered += letters.length;
        this.#counters.storeUnavailable = null;
        for (const item of items) item.done();
        return;
      } catch (error) {
        if (!this.#store.isTransient(error)) {
          await this.#isolate(items, error, setAside);
          return;
        }
        if (!this.#store.isLocked(error)) {
          this.#counters.storeUnavailable = errorMessage(error);
          if (backoff.failures === 0) {
            aboutSeveral(this.#log, items.map(subjectOf))
              .warn`the store is away, ${items.length} items wait: ${errorMessage(error)}`;
          }
        } else if (setAside !== null && await this.#passLocked(items, setAside)) return;
        await backoff.failed(this.#stop.signal);
        if (this.#stop.signal.aborted) return;
      }
    }
  }

  /**
   * Somebody outside holds rows that these items need: finds those that do and lets them wait by
   * themselves, and everything else go on. False where too many wait already.
   */
  async #passLocked(items: readonly WriteItem[], setAside: SetAside): Promise<boolean> {
    const groups = independentGroups(items);
    if (groups.length > 1) {
      const middle = groups.length >> 1;
      await this.#write(groups.slice(0, middle).flat(), setAside, true);
      await this.#write(groups.slice(middle).flat(), setAside, true);
      return true;
    }
    if (this.#aside.size >= MAX_ASIDE) return false;
    aboutSeveral(this.#log, items.map(subjectOf))
      .warn`${items.length} items wait for rows that another transaction holds`;
    setAside(items);
    return true;
  }

  async #isolate(
    items: readonly WriteItem[],
    error: unknown,
    setAside: SetAside | null,
  ): Promise<void> {
    if (items.length > 1) {
      const middle = items.length >> 1;
      await this.#write(items.slice(0, middle), setAside);
      await this.#write(items.slice(middle), setAside);
      return;
    }
    const item = items[0] as WriteItem;
    if (item.work.kind === "letter") {
      // A dead letter that cannot be stored has nowhere left to go but the log.
      const { letter } = item.work;
      aboutEvent(this.#log, { uuid: letter.eventUuid, teamId: letter.teamId })
        .error`a dead letter was refused: ${errorMessage(error)} ${letter}`;
      this.#counters.lost++;
      item.done();
      return;
    }
    const letter = item.work.deadLetter(error);
    aboutEvent(this.#log, { uuid: letter.eventUuid, teamId: letter.teamId })
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

function subjectOf({ work }: WriteItem): AboutOne {
  return work.kind === "event"
    ? { uuid: work.event.uuid, teamId: work.event.teamId }
    : { uuid: work.letter.eventUuid, teamId: work.letter.teamId };
}
