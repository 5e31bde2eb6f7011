import type { GroupTypeIndex } from "../../../events/groups.ts";
import { type PreparedEvent, storedProperties } from "../../../events/prepared_event.ts";
import { jsonbArray, textArray } from "../binary_arrays.ts";
import type { Queryable } from "../database.ts";
import { insertActionRows } from "./action_rows.ts";
import { ElementRows } from "./element_rows.ts";
import type { EventOutput, OutputEnd, WrittenBatch } from "./event_store.ts";
import { GroupRows } from "./group_rows.ts";
import insertEvents from "./insert_events.sql" with { type: "text" };
import insertRecordings from "./insert_recordings.sql" with { type: "text" };

/** Events, matched actions, recordings, groups and elements as rows of the `posthog_*` tables. */
export class EventRows implements EventOutput {
  readonly #elements = new ElementRows();
  readonly #groups = new GroupRows();

  async write(tx: Queryable, { events, indexOf, matched }: WrittenBatch): Promise<OutputEnd> {
    if (events.length === 0) return { afterCommit: () => {} };
    await this.#groups.write(tx, events, indexOf);
    await this.#elements.write(tx, events);
    const rows = events.filter((event) => event.recording === null);
    const ids = await insertRows(tx, rows, indexOf, matched.size > 0);
    await insertActionRows(tx, matched, rows, ids);
    await writeRecordings(tx, events);
    return { afterCommit: () => this.#elements.committed(events) };
  }
}

/** Resolves with the ids of the rows, in their order, where they are asked for. */
async function insertRows(
  tx: Queryable,
  rows: readonly PreparedEvent[],
  indexOf: GroupTypeIndex,
  wantsIds: boolean,
): Promise<number[]> {
  if (rows.length === 0) return [];
  const statement = wantsIds
    ? { name: "insert_events_for_ids", text: `${insertEvents} RETURNING id` }
    : { name: "insert_events", text: insertEvents };
  const inserted = await tx.query<{ id: number }>(statement, [
    textArray(rows.map((event) => event.name)),
    textArray(rows.map((event) => event.distinctId)),
    jsonbArray(rows.map((event) => storedProperties(event, indexOf))),
    rows.map((event) => event.teamId),
    textArray(rows.map((event) => event.timestamp)),
    jsonbArray(rows.map((event) => event.elements?.json ?? null)),
    textArray(rows.map((event) => event.elements?.hash ?? null)),
  ]);
  return inserted.map(({ id }) => Number(id));
}

async function writeRecordings(tx: Queryable, events: readonly PreparedEvent[]): Promise<void> {
  const rows = events.filter((event) => event.recording !== null);
  if (rows.length === 0) return;
  await tx.query({ name: "insert_recordings", text: insertRecordings }, [
    textArray(rows.map((event) => event.timestamp)),
    rows.map((event) => event.teamId),
    textArray(rows.map((event) => event.distinctId)),
    textArray(rows.map((event) => event.recording?.sessionId ?? null)),
    jsonbArray(rows.map((event) => event.recording?.snapshotData ?? null)),
  ]);
}
