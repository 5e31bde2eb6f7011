/** Events on their way to the plugins that are told of them after they were stored. */
import { Buffer } from "node:buffer";
import type { PluginEvent } from "./types.ts";

/** One stored event, as it left the plugins that may change it. */
export interface OutgoingEvent {
  readonly teamId: number;
  readonly name: string;
  /** The JSON text of the event, in UTF-8. */
  readonly text: Uint8Array;
}

const HEADER_BYTES = 10;

/** The event as plugins are told of it: as it left those that may change it. */
export function outgoingEvent(event: PluginEvent, name: string): OutgoingEvent {
  return { teamId: event.team_id, name, text: Buffer.from(JSON.stringify(event)) };
}

/** Many in one run of bytes: each u32 team id, u16 length of the name, u32 length of the text, both. */
export function encodeOutgoing(events: readonly OutgoingEvent[]): Uint8Array {
  const names = events.map(({ name }) => Buffer.from(name));
  let size = 0;
  events.forEach(({ text }, index) => {
    size += HEADER_BYTES + (names[index] as Buffer).byteLength + text.byteLength;
  });
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  events.forEach(({ teamId, text }, index) => {
    const name = names[index] as Buffer;
    bytes.writeUInt32BE(teamId, at);
    bytes.writeUInt16BE(name.byteLength, at + 4);
    bytes.writeUInt32BE(text.byteLength, at + 6);
    bytes.set(name, at + HEADER_BYTES);
    bytes.set(text, at + HEADER_BYTES + name.byteLength);
    at += HEADER_BYTES + name.byteLength + text.byteLength;
  });
  return bytes;
}

/** The other way round. Throws RangeError where the bytes are cut short. */
export function decodeOutgoing(encoded: Uint8Array): OutgoingEvent[] {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const events: OutgoingEvent[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const nameAt = at + HEADER_BYTES;
    const textAt = nameAt + bytes.readUInt16BE(at + 4);
    const end = textAt + bytes.readUInt32BE(at + 6);
    if (end > bytes.byteLength) throw new RangeError("an event is cut short");
    events.push({
      teamId: bytes.readUInt32BE(at),
      name: bytes.toString("utf8", nameAt, textAt),
      text: bytes.subarray(textAt, end),
    });
    at = end;
  }
  return events;
}
