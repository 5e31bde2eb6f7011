/** Recordings as browsers send them, packed the way they are stored. */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { isObject } from "../../events/person_properties.ts";
import type { JsonObject } from "../../events/types.ts";
import { timeUuid } from "../../events/uuid.ts";
import { invalidPayload } from "./refusal.ts";

/** Characters of base64 in one stored chunk. */
const CHUNK_LENGTH = 512 * 1024;

/** The event type of a full snapshot in rrweb's protocol. */
const FULL_SNAPSHOT = 2;

/**
 * Events that are no recordings first, as they are; then the recordings of each session, compressed
 * together and cut into chunks. Recordings that are chunks already stay as they are.
 */
export function chunkedRecordings(events: readonly JsonObject[]): JsonObject[] {
  if (!events.some((event) => event.event === "$snapshot")) return [...events];
  const others: JsonObject[] = [];
  const sessions = new Map<unknown, JsonObject[]>();
  for (const event of events) {
    if (event.event === undefined) {
      throw invalidPayload('Invalid payload: All events must have the event name field "event"!');
    }
    const data = event.event === "$snapshot" ? snapshotDataOf(event) : null;
    if (data === null || isObject(data) && "chunk_id" in data) {
      others.push(event);
      continue;
    }
    const id = isObject(event.properties) ? event.properties.$session_id : undefined;
    const session = sessions.get(id);
    if (session === undefined) sessions.set(id, [event]);
    else session.push(event);
  }
  return [...others, ...[...sessions.values()].flatMap(chunksOf)];
}

function snapshotDataOf(event: JsonObject): unknown {
  const data = isObject(event.properties) ? event.properties.$snapshot_data : undefined;
  if (data === undefined || data === null) {
    throw invalidPayload(
      'Invalid payload: $snapshot events must contain property "$snapshot_data"!',
    );
  }
  return data;
}

function chunksOf(events: readonly JsonObject[]): JsonObject[] {
  const [first] = events;
  if (first === undefined) return [];
  const snapshots = events.map(snapshotDataOf);
  // A byte order mark in front: the reader decodes it as UTF-16.
  const text = Buffer.from(`\uFEFF${JSON.stringify(snapshots)}`, "utf16le");
  const packed = gzipSync(text).toString("base64");
  const count = Math.ceil(packed.length / CHUNK_LENGTH);
  const id = timeUuid();
  const isFull = snapshots.some((data) => isObject(data) && data.type === FULL_SNAPSHOT);
  return Array.from({ length: count }, (_, index) => ({
    ...first,
    properties: {
      ...first.properties as JsonObject,
      $snapshot_data: {
        chunk_id: id,
        chunk_index: index,
        chunk_count: count,
        data: packed.slice(index * CHUNK_LENGTH, (index + 1) * CHUNK_LENGTH),
        compression: "gzip-base64",
        has_full_snapshot: isFull,
      },
    },
  }));
}
