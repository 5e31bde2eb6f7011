/** A batch out of rows that a store leased to this server. */
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
  renew(owner: string, ttlMs: number): Promise<void>;
}

export function leasedBatch(
  store: LeaseStore,
  owner: string,
  rows: readonly LeasedEvents[],
): ReceivedBatch {
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
    ack: () => store.remove(owner, rows.map(({ id }) => id)),
    release: async (unfinished) => {
      const left = new Map<number, RawEvent[]>();
      for (const position of unfinished) {
        const place = places[position];
        if (place === undefined) continue;
        const events = left.get(place.row);
        if (events === undefined) left.set(place.row, [place.event]);
        else events.push(place.event);
      }
      const back = [...left].map(([row, events]) => ({ id: rows[row]?.id ?? "", events }));
      if (back.length > 0) await store.giveBack(owner, back);
      const done = rows.flatMap(({ id }, index) => left.has(index) ? [] : [id]);
      if (done.length > 0) await store.remove(owner, done);
    },
  };
}
