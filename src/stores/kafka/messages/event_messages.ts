/** Events and recordings as messages; the wire formats are those of PostHog's plugin server 1.10. */
import protobuf from "protobufjs";
import type { Element } from "../../../events/elements.ts";
import { chainOfElements } from "../../../events/elements_chain.ts";
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

/** Events, and recordings, as the messages that ClickHouse makes its rows of. */
export function eventMessages(
  events: readonly PreparedEvent[],
  indexOf: GroupTypeIndex,
  now: string,
): OutputMessage[] {
  const values = encodeEvents(
    events.filter(({ recording }) => recording === null).map((event) => ({
      uuid: event.uuid,
      event: event.name,
      properties: storedProperties(event, indexOf),
      timestamp: millisecondsForm(event.timestamp),
      teamId: event.teamId,
      distinctId: event.distinctId,
      createdAt: now,
      elementsChain: event.elements === null
        ? ""
        : chainOfElements(JSON.parse(event.elements.json) as Element[]),
    })),
  );
  let next = 0;
  return events.map((event) =>
    event.recording === null
      ? { topic: TOPICS.events, key: event.uuid, order: null, value: values[next++] as Uint8Array }
      : recordingMessage(event, event.recording)
  );
}

function recordingMessage(
  { uuid, teamId, distinctId, timestamp }: PreparedEvent,
  { sessionId, snapshotData }: NonNullable<PreparedEvent["recording"]>,
): OutputMessage {
  const moment = millisecondsForm(timestamp);
  return jsonMessage(TOPICS.recordings, uuid, null, {
    uuid,
    team_id: teamId,
    distinct_id: distinctId,
    session_id: sessionId,
    snapshot_data: snapshotData,
    timestamp: moment,
    created_at: moment,
  });
}

/** Of each the length as a varint, then the message; all in one buffer, as one for each costs more. */
export function encodeEvents(events: readonly EventFields[]): Uint8Array[] {
  const writer = protobuf.Writer.create();
  const ends = events.map((fields) => eventType.encodeDelimited(fields, writer).len);
  const bytes = writer.finish();
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** The other way round. Throws where it is no such message. */
export function decodeEvent(value: Uint8Array): EventFields {
  return eventType.toObject(eventType.decodeDelimited(value), {
    longs: Number,
    defaults: true,
  }) as EventFields;
}
