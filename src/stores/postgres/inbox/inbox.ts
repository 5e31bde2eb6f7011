/** The queue on Postgres: accepted events, durable, leased to one server at a time. */
import type { RawEvent } from "../../../events/types.ts";
import { textArray } from "../binary_arrays.ts";
import type { Queryable } from "../database.ts";
import appendRows from "./append.sql" with { type: "text" };
import takeRows from "./take.sql" with { type: "text" };

/** A taken row: its events as they were appended. */
export interface InboxRow {
  readonly id: string;
  readonly events: readonly RawEvent[];
  /** Size of the row's payload in UTF-16 units. */
  readonly size: number;
}

/** The channel that an append notifies. */
export const INBOX_CHANNEL = "paddock_inbox";

/** One row holds so many events at most, so that one take can be as small as this. */
const EVENTS_PER_ROW = 100;
const SIZE_PER_ROW = 1_000_000;

export class PostgresInbox {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** Resolves once the events are committed. One statement, however many they are. */
  async append(events: readonly RawEvent[]): Promise<void> {
    if (events.length === 0) return;
    const rows = inRows(events);
    await this.#database.query({ name: "inbox_append", text: appendRows }, [
      rows.map((row) => row.length),
      rows.map((row) => row.reduce((sum, text) => sum + text.length, 0)),
      // U+0000 stands as an escape in JSON text, so that a text column takes it.
      textArray(rows.map((row) => `[${row.join(",")}]`)),
    ]);
  }

  /** The oldest rows that are free, leased to `owner`. */
  async take(
    owner: string,
    limit: { readonly items: number; readonly bytes: number },
    ttlMs: number,
  ): Promise<InboxRow[]> {
    const rows = await this.#database.query<{ id: string; payload: string }>(
      { name: "inbox_take", text: takeRows },
      [owner, limit.items, limit.bytes, ttlMs],
    );
    return rows.map(({ id, payload }) => ({
      id,
      events: JSON.parse(payload) as RawEvent[],
      size: payload.length,
    }));
  }

  /** Forgets rows, unless somebody else has them by now. */
  async remove(owner: string, ids: readonly string[]): Promise<void> {
    await this.#database.query(
      {
        name: "inbox_remove",
        text: "DELETE FROM paddock.inbox WHERE id = ANY ($2::bigint[]) AND owner = $1",
      },
      [owner, ids],
    );
  }

  /** Frees rows with what is left of each; the place in the queue stays. */
  async giveBack(
    owner: string,
    rows: readonly { readonly id: string; readonly events: readonly RawEvent[] }[],
  ): Promise<void> {
    await this.#database.query(
      `UPDATE paddock.inbox AS row
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

  /** Keeps what `owner` holds from expiring. */
  async renew(owner: string, ttlMs: number): Promise<void> {
    await this.#database.query(
      `UPDATE paddock.inbox SET expires_at = now() + $2 * interval '1 millisecond'
       WHERE owner = $1`,
      [owner, ttlMs],
    );
  }

  /** Events that nobody holds. */
  async depth(): Promise<number> {
    const rows = await this.#database.query<{ depth: number }>(
      `SELECT coalesce(sum(events), 0)::int AS depth FROM paddock.inbox
       WHERE owner IS NULL OR expires_at < now()`,
    );
    return rows[0]?.depth ?? 0;
  }
}

/** JSON texts of the events, grouped into rows. */
function inRows(events: readonly RawEvent[]): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let size = 0;
  for (const event of events) {
    const text = JSON.stringify(event);
    if (row.length >= EVENTS_PER_ROW || (row.length > 0 && size + text.length > SIZE_PER_ROW)) {
      rows.push(row);
      [row, size] = [[], 0];
    }
    row.push(text);
    size += text.length;
  }
  rows.push(row);
  return rows;
}
