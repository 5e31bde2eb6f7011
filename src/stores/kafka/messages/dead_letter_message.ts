/** Dead letters: as messages, and of messages that Kafka refused. */
import { Buffer } from "node:buffer";
import type { DeadLetter } from "../../../events/dead_letter.ts";
import { isObject } from "../../../events/person_properties.ts";
import type { JsonObject } from "../../../events/types.ts";
import { uuidFromText } from "../../../events/uuid.ts";
import { decodeEvent } from "./event_messages.ts";
import { jsonMessage, type OutputMessage, secondsForm, TOPICS } from "./output_message.ts";

/** Of one text in it: the message has to fit where the event may not have. */
const MAX_TEXT = 200_000;
const NO_UUID = "00000000-0000-0000-0000-000000000000";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Members of the event that the row has in another form. */
const REPLACED = ["now", "sent_at", "timestamp"];

/** The same letter has the same id when its batch is done again, so that ClickHouse keeps one. */
export function deadLetterMessage(letter: DeadLetter, now: string): OutputMessage {
  const { source, step, eventUuid, reason, payload } = letter;
  const id = uuidFromText(JSON.stringify([source, step, eventUuid, reason, payload]));
  const raw = rawEventOf(letter);
  const data = isObject(raw.data) ? raw.data : {};
  const own = JSON.stringify(data).length <= MAX_TEXT ? data : {};
  const members = Object.fromEntries(
    Object.entries(own).filter(([name]) => !REPLACED.includes(name)),
  );
  return jsonMessage(TOPICS.deadLetters, null, id, {
    ...members,
    id,
    event_uuid: letter.eventUuid !== null && UUID.test(letter.eventUuid)
      ? letter.eventUuid
      : NO_UUID,
    event: letter.event ?? "",
    distinct_id: letter.distinctId ?? "",
    team_id: letter.teamId ?? 0,
    properties: JSON.stringify(isObject(own.properties) ? own.properties : {}),
    ip: textOf(raw.ip),
    site_url: textOf(raw.siteUrl),
    now: typeof raw.now === "string" ? secondsForm(raw.now) : null,
    raw_payload: cut(letter.payload),
    error_timestamp: secondsForm(now),
    error_location: "plugin_server_ingest_event",
    error: `ingestEvent failed. Error: ${cut(letter.reason)}`,
  });
}

/** The dead letter of a message that is larger than its topic takes. */
export function refusedMessageLetter(message: OutputMessage, reason: string): DeadLetter {
  const { topic, value } = message;
  const base = {
    kind: "message" as const,
    source: `kafka:${topic}`,
    step: "produce",
    pluginConfigId: null,
    code: "PDK_MESSAGE_TOO_LARGE" as const,
    reason: `topic ${topic}: ${reason}`,
    attempts: 1,
  };
  if (topic === TOPICS.events) {
    const event = decodeEvent(value);
    return {
      ...base,
      teamId: event.teamId,
      eventUuid: event.uuid,
      event: event.event,
      distinctId: event.distinctId,
      payload: JSON.stringify(event),
    };
  }
  const payload = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  const members = parsed(payload);
  return {
    ...base,
    teamId: typeof members.team_id === "number" ? members.team_id : null,
    eventUuid: typeof members.uuid === "string" ? members.uuid : null,
    event: null,
    distinctId: typeof members.distinct_id === "string" ? members.distinct_id : null,
    payload,
  };
}

function rawEventOf(letter: DeadLetter): JsonObject {
  return letter.kind === "event" ? parsed(letter.payload) : {};
}

function parsed(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (cut)` : text;
}
