/** Events of slow lanes that were parked: taken again as their lanes get room. */
import { type LeasedEvents, LeaseHolder, type LeaseStore } from "../lease_holder.ts";
import type { ReceivedBatch, Source, TakeLimit } from "../source.ts";

/** What this source needs of the store. */
export interface ParkedStore extends LeaseStore {
  take(
    owner: string,
    wanted: readonly { readonly teamId: number; readonly rows: number }[],
    bytes: number,
    ttlMs: number,
  ): Promise<{
    readonly rows: (LeasedEvents & { readonly teamId: number })[];
    /** False where `bytes` left some out. */
    readonly isComplete: boolean;
  }>;
  /** Teams of which anything is parked, whoever holds it. */
  teams(): Promise<number[]>;
  depth(): Promise<number>;
}

/** The lanes that parked events go back into. */
export interface SlowLanes {
  /** For how many more events each slow lane has room; lanes without any are left out. */
  room(): ReadonlyMap<number, number>;
  /** These teams have parked events: what comes new of them has to wait behind those. */
  slowDown(teamIds: readonly number[]): void;
  /** A number that grows with everything that is parked of the team from here on. */
  serial(teamId: number): number;
  /** Nothing of the team was parked any more when it was asked for, at this serial. */
  drained(teamId: number, serial: number): void;
  /** Resolves at the next change, or when `signal` fires. */
  changed(signal: AbortSignal): Promise<void>;
}

export interface ParkedSourceOptions {
  /** Rows of a server that stopped for so long are taken over by others. */
  readonly leaseTtlMs: number;
  readonly eventsPerRow: number;
}

/** A take that finds nothing gives up after so long. */
const TAKE_MS = 5_000;
/** How often it looks for what other servers parked, or had taken and died. */
const LOOK_MS = 2_000;

export class ParkedSource implements Source {
  readonly name = "parked";
  readonly holdsBack = true;
  readonly #store: ParkedStore;
  readonly #lanes: SlowLanes;
  readonly #options: ParkedSourceOptions;
  readonly #lease: LeaseHolder;
  #nextLook = 0;

  constructor(store: ParkedStore, lanes: SlowLanes, options: ParkedSourceOptions) {
    this.#store = store;
    this.#lanes = lanes;
    this.#options = options;
    this.#lease = new LeaseHolder(store, this.name, options.leaseTtlMs);
  }

  async open(): Promise<void> {
    // Before anything else is taken: what is parked comes first.
    this.#lanes.slowDown(await this.#store.teams());
    this.#lease.start();
  }

  async take(limit: TakeLimit, signal: AbortSignal): Promise<ReceivedBatch | null> {
    const end = performance.now() + TAKE_MS;
    while (!signal.aborted) {
      const now = performance.now();
      if (now >= this.#nextLook) {
        this.#nextLook = now + LOOK_MS;
        this.#lanes.slowDown(await this.#store.teams());
      }
      const rows = await this.#takeFor(this.#lanes.room(), limit);
      if (rows.length > 0) {
        return { ...this.#lease.batch(rows), wasParked: true };
      }
      if (now >= end) return null;
      const wait = AbortSignal.timeout(Math.max(1, Math.min(this.#nextLook, end) - now));
      await this.#lanes.changed(AbortSignal.any([signal, wait]));
    }
    return null;
  }

  async depth(): Promise<number> {
    return await this.#store.depth();
  }

  close(): Promise<void> {
    this.#lease.stop();
    return Promise.resolve();
  }

  async #takeFor(room: ReadonlyMap<number, number>, limit: TakeLimit): Promise<LeasedEvents[]> {
    const { eventsPerRow, leaseTtlMs } = this.#options;
    const wanted: { teamId: number; rows: number; serial: number }[] = [];
    let left = limit.items;
    for (const [teamId, events] of room) {
      if (left <= 0) break;
      const rows = Math.ceil(Math.min(events, left) / eventsPerRow);
      left -= rows * eventsPerRow;
      wanted.push({ teamId, rows, serial: this.#lanes.serial(teamId) });
    }
    if (wanted.length === 0) return [];
    const { rows, isComplete } = await this.#store.take(
      this.#lease.owner,
      wanted,
      limit.bytes,
      leaseTtlMs,
    );
    if (!isComplete) return rows;
    const found = new Set(rows.map(({ teamId }) => teamId));
    for (const { teamId, serial } of wanted) {
      if (!found.has(teamId)) this.#lanes.drained(teamId, serial);
    }
    return rows;
  }
}
