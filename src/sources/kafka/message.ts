/**
 * Messages of the topic events arrive on: JSON with the event as JSON text inside, as PostHog's
 * application of late 2021 and its plugin server write them.
 */
import { errorMessage, PaddockError } from "../../errors.ts";
import { isObject } from "../../events/person_properties.ts";
import type { RawEvent } from "../../events/types.ts";
import { uuidFromText } from "../../events/uuid.ts";
import type { KafkaRecord } from "../../stores/kafka/group_member.ts";
import type { ReceivedItem } from "../source.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** One record as what it is; what is not understood is an item of kind `bad`, never an error. */
export function parseRecord(topic: string, record: KafkaRecord): ReceivedItem {
  const { partition, offset, value } = record;
  const bytes = value?.byteLength ?? 0;
  const place = `${topic}/${partition} at ${offset}`;
  const text = value === null ? "" : decoder.decode(value);
  try {
    if (value === null) throw malformed("the message has no value (a tombstone)");
    return { kind: "event", event: eventOf(text, place), bytes };
  } catch (error) {
    const reason = `${place}: ${errorMessage(error)}`;
    return { kind: "bad", code: "PDK_MESSAGE_MALFORMED", reason, payload: text, bytes };
  }
}

/** An event as such a message. */
export function eventMessage(event: RawEvent): string {
  return JSON.stringify({
    uuid: event.uuid,
    distinct_id: event.distinctId,
    ip: event.ip ?? "",
    site_url: event.siteUrl ?? "",
    data: JSON.stringify(event.data),
    team_id: event.teamId,
    now: event.now,
    sent_at: event.sentAt ?? "",
  });
}

function eventOf(text: string, place: string): RawEvent {
  const message = parseJson(text, "the message");
  if (!isObject(message)) throw malformed("the message is not an object");
  if (typeof message.data !== "string") throw malformed("'data' is not a text");
  const data = parseJson(message.data, "'data'");
  if (!isObject(data)) throw malformed("'data' is not the JSON of an object");
  const { team_id: teamId, uuid } = message;
  if (typeof teamId !== "number") throw malformed("'team_id' is not a number");
  return {
    teamId,
    distinctId: message.distinct_id,
    ip: textOrNull(message.ip),
    siteUrl: textOrNull(message.site_url),
    now: textOrNull(message.now) ?? new Date().toISOString(),
    sentAt: textOrNull(message.sent_at),
    data,
    // Without one of its own it has one of its place, which is the same when it comes again.
    uuid: typeof uuid === "string" && UUID.test(uuid)
      ? uuid.toLowerCase()
      : uuidFromText(`kafka ${place}`),
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(`${what} is not JSON: ${errorMessage(error).slice(0, 200)}`);
  }
}

function malformed(reason: string): PaddockError {
  return new PaddockError("PDK_MESSAGE_MALFORMED", reason);
}
