/** Events and recordings as messages; the wire formats are those of PostHog's plugin server 1.10. */
import protobuf from "protobufjs";
import { chainOfElements, type Element } from "../../../events/elements.ts";
import type { GroupTypeIndex } from "../../../events/groups.ts";
import { type PreparedEvent, storedProperties } from "../../../events/prepared_event.ts";
import schema from "../../clickhouse/events.proto" with { type: "text" };
import { jsonMessage, millisecondsForm, type OutputMessage, TOPICS } from "./output_message.ts";

/** The fields of an event's message that are filled. */
export interface EventFields {
  readonly uuid: string;
  readonly event: string;
  readonly properties: string;
  readonly timestamp: string;
  readonly teamId: number;
  readonly distinctId: string;
  readonly createdAt: string;
  readonly elementsChain: string;
}

const eventType = protobuf.parse(schema).root.lookupType("Event");

/** An event, or a recording, as the message that ClickHouse makes its row of. */
export function eventMessage(
  event: PreparedEvent,
  indexOf: GroupTypeIndex,
  now: string,
): OutputMessage {
  const { uuid, teamId, distinctId, recording } = event;
  const timestamp = millisecondsForm(event.timestamp);
  if (recording !== null) {
    return jsonMessage(TOPICS.recordings, uuid, null, {
      uuid,
      team_id: teamId,
      distinct_id: distinctId,
      session_id: recording.sessionId,
      snapshot_data: recording.snapshotData,
      timestamp,
      created_at: timestamp,
    });
  }
  const value = encodeEvent({
    uuid,
    event: event.name,
    properties: storedProperties(event, indexOf),
    timestamp,
    teamId,
    distinctId,
    createdAt: now,
    elementsChain: event.elements === null
      ? ""
      : chainOfElements(JSON.parse(event.elements.json) as Element[]),
  });
  return { topic: TOPICS.events, key: uuid, order: null, value };
}

/** The length as a varint, then the message. */
export function encodeEvent(fields: EventFields): Uint8Array {
  return eventType.encodeDelimited(fields).finish();
}

/** The other way round. Throws where it is no such message. */
export function decodeEvent(value: Uint8Array): EventFields {
  return eventType.toObject(eventType.decodeDelimited(value), {
    longs: Number,
    defaults: true,
  }) as EventFields;
}
