/** Rows of events that are leased to one server at a time: what the inbox and parked events share. */
import type { RawEvent } from "../../../events/types.ts";
import { textArray } from "../binary_arrays.ts";
import type { Queryable } from "../database.ts";

/** A taken row: its events as they were appended. */
export interface LeasedRow {
  readonly id: string;
  readonly events: readonly RawEvent[];
  /** Size of the row's payload in UTF-16 units. */
  readonly size: number;
}

/** What stands in a new row. */
export interface NewRow {
  readonly events: number;
  readonly bytes: number;
  /** JSON text of a list. */
  readonly payload: string;
}

const SIZE_PER_ROW = 1_000_000;

export class LeasedRows {
  protected readonly database: Queryable;
  readonly #table: string;

  /** @param table a name of ours, so that it may be part of a statement's text */
  constructor(database: Queryable, table: "paddock.inbox" | "paddock.parked") {
    this.database = database;
    this.#table = table;
  }

  /** Forgets rows, unless somebody else has them by now. */
  async remove(owner: string, ids: readonly string[]): Promise<void> {
    await this.database.query(
      {
        name: `remove ${this.#table}`,
        text: `DELETE FROM ${this.#table} WHERE id = ANY ($2::bigint[]) AND owner = $1`,
      },
      [owner, ids],
    );
  }

  /** Frees rows with what is left of each; the place in the queue stays. */
  async giveBack(
    owner: string,
    rows: readonly { readonly id: string; readonly events: readonly RawEvent[] }[],
  ): Promise<void> {
    await this.database.query(
      `UPDATE ${this.#table} AS row
       SET owner = NULL, expires_at = NULL, events = rest.events, payload = rest.payload
       FROM unnest($2::bigint[], $3::int[], $4::text[]) AS rest (id, events, payload)
       WHERE row.id = rest.id AND row.owner = $1`,
      [
        owner,
        rows.map(({ id }) => id),
        rows.map(({ events }) => events.length),
        textArray(rows.map(({ events }) => JSON.stringify(events))),
      ],
    );
  }

  /** Keeps these rows of `owner` from expiring. */
  async renew(owner: string, ids: readonly string[], ttlMs: number): Promise<void> {
    await this.database.query(
      `UPDATE ${this.#table} SET expires_at = now() + $3 * interval '1 millisecond'
       WHERE id = ANY ($2::bigint[]) AND owner = $1`,
      [owner, ids, ttlMs],
    );
  }

  /** Events that nobody holds. */
  async depth(): Promise<number> {
    const rows = await this.database.query<{ depth: number }>(
      `SELECT coalesce(sum(events), 0)::int AS depth FROM ${this.#table}
       WHERE owner IS NULL OR expires_at < now()`,
    );
    return rows[0]?.depth ?? 0;
  }
}

export function leasedRow(row: { readonly id: string; readonly payload: string }): LeasedRow {
  const { id, payload } = row;
  return { id, events: JSON.parse(payload) as RawEvent[], size: payload.length };
}

/** Events in so few rows as they fit into, in order. */
export function inRows(events: readonly RawEvent[], eventsPerRow: number): NewRow[] {
  const rows: NewRow[] = [];
  let texts: string[] = [];
  let bytes = 0;
  const close = () => {
    // U+0000 stands as an escape in JSON text, so that a text column takes it.
    if (texts.length > 0) {
      rows.push({ events: texts.length, bytes, payload: `[${texts.join(",")}]` });
    }
    [texts, bytes] = [[], 0];
  };
  for (const event of events) {
    const text = JSON.stringify(event);
    if (texts.length >= eventsPerRow || bytes + text.length > SIZE_PER_ROW) close();
    texts.push(text);
    bytes += text.length;
  }
  close();
  return rows;
}
