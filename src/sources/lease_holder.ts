/** Rows that a store leased to this server, and batches out of them. */
import { randomUUID } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { RawEvent } from "../events/types.ts";
import type { ReceivedBatch, ReceivedItem } from "./source.ts";

/** A taken row. */
export interface LeasedEvents {
  readonly id: string;
  readonly events: readonly RawEvent[];
  readonly size: number;
}

/** What becomes of rows after they were taken. */
export interface LeaseStore {
  remove(owner: string, ids: readonly string[]): Promise<void>;
  giveBack(
    owner: string,
    rows: readonly { readonly id: string; readonly events: readonly RawEvent[] }[],
  ): Promise<void>;
  /** Keeps these rows of `owner` from expiring. */
  renew(owner: string, ids: readonly string[], ttlMs: number): Promise<void>;
}

/**
 * What one source holds. It renews the leases of the rows that arrived here and no others: a take
 * whose answer was lost on its way has leased rows that nobody works on, and those have to expire.
 */
export class LeaseHolder {
  readonly owner = randomUUID();
  readonly #store: LeaseStore;
  readonly #ttlMs: number;
  /** A row that expired in between may be held twice. */
  readonly #held: string[][] = [];
  readonly #log;
  #heartbeat: ReturnType<typeof setInterval> | undefined;

  /** @param name the source's, for the log */
  constructor(store: LeaseStore, name: string, ttlMs: number) {
    this.#store = store;
    this.#ttlMs = ttlMs;
    this.#log = getLogger(["paddock", name]);
  }

  start(): void {
    this.#heartbeat = setInterval(() => {
      const ids = [...new Set(this.#held.flat())];
      if (ids.length === 0) return;
      this.#store.renew(this.owner, ids, this.#ttlMs).catch((error) =>
        this.#log.warn`the lease was not renewed: ${errorMessage(error)}`
      );
    }, this.#ttlMs / 4);
  }

  stop(): void {
    clearInterval(this.#heartbeat);
  }

  /** Holds the rows until they are acknowledged or released. */
  batch(rows: readonly LeasedEvents[]): ReceivedBatch {
    const ids = rows.map(({ id }) => id);
    this.#held.push(ids);
    const letGo = () => {
      const at = this.#held.indexOf(ids);
      if (at >= 0) this.#held.splice(at, 1);
    };
    const places: { readonly row: number; readonly event: RawEvent }[] = [];
    const items: ReceivedItem[] = [];
    rows.forEach((row, index) => {
      const bytes = Math.ceil(row.size / row.events.length);
      for (const event of row.events) {
        places.push({ row: index, event });
        items.push({ kind: "event", event, bytes });
      }
    });
    return {
      items,
      ack: async () => {
        await this.#store.remove(this.owner, ids);
        letGo();
      },
      release: async (unfinished) => {
        const left = new Map<number, RawEvent[]>();
        for (const position of unfinished) {
          const place = places[position];
          if (place === undefined) continue;
          const events = left.get(place.row);
          if (events === undefined) left.set(place.row, [place.event]);
          else events.push(place.event);
        }
        const back = [...left].map(([row, events]) => ({ id: ids[row] ?? "", events }));
        if (back.length > 0) await this.#store.giveBack(this.owner, back);
        const done = ids.filter((_, index) => !left.has(index));
        if (done.length > 0) await this.#store.remove(this.owner, done);
        letGo();
      },
    };
  }
}
