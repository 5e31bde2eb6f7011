/** The queue on Postgres: accepted events, durable, leased to one server at a time. */
import type { RawEvent } from "../../../events/types.ts";
import { textArray } from "../binary_arrays.ts";
import type { Queryable } from "../database.ts";
import appendRows from "./append.sql" with { type: "text" };
import { inRows, type LeasedRow, leasedRow, LeasedRows } from "./leased_rows.ts";
import takeRows from "./take.sql" with { type: "text" };

/** The channel that an append notifies. */
export const INBOX_CHANNEL = "paddock_inbox";

/** One row holds so many events at most, so that one take can be as small as this. */
const EVENTS_PER_ROW = 100;

export class PostgresInbox extends LeasedRows {
  constructor(database: Queryable) {
    super(database, "paddock.inbox");
  }

  /** Resolves once the events are committed. One statement, however many they are. */
  async append(events: readonly RawEvent[]): Promise<void> {
    if (events.length === 0) return;
    const rows = inRows(events, EVENTS_PER_ROW);
    await this.database.query({ name: "inbox_append", text: appendRows }, [
      rows.map(({ events }) => events),
      rows.map(({ bytes }) => bytes),
      textArray(rows.map(({ payload }) => payload)),
    ]);
  }

  /** The oldest rows that are free, leased to `owner`. */
  async take(
    owner: string,
    limit: { readonly items: number; readonly bytes: number },
    ttlMs: number,
  ): Promise<LeasedRow[]> {
    const rows = await this.database.query<{ id: string; payload: string }>(
      { name: "inbox_take", text: takeRows },
      [owner, limit.items, limit.bytes, ttlMs],
    );
    return rows.map(leasedRow);
  }
}
