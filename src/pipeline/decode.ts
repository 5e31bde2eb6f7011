/** From what a source took to events that plugins and the writer can work on. */
import { errorMessage, PaddockError } from "../errors.ts";
import { eventClaim } from "../events/claim.ts";
import type { DeadLetter } from "../events/dead_letter.ts";
import { MAX_NESTING, NESTING_FREE_BYTES, nestsDeeper } from "../events/nesting.ts";
import { isObject } from "../events/person_properties.ts";
import type { PluginEvent, RawEvent } from "../events/types.ts";
import type { ReceivedItem } from "../sources/source.ts";

/** Longer ids do not fit `posthog_event.distinct_id`. */
export const MAX_DISTINCT_ID_LENGTH = 200;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A checked event, and the key under which it is remembered as stored. */
export interface DecodedEvent {
  readonly event: PluginEvent;
  readonly claim: string;
}

/**
 * The sender's members laid over the server's envelope, checked.
 *
 * The server's `team_id`, `now` and `ip` cannot be overridden by the sender, or one project's key
 * would write into another project.
 *
 * @throws PaddockError PDK_EVENT_INVALID naming the member at fault; PDK_EVENT_TOO_LARGE
 */
export function decodeEvent(raw: RawEvent, bytes: number, maxBytes: number): DecodedEvent {
  if (bytes > maxBytes) {
    throw new PaddockError(
      "PDK_EVENT_TOO_LARGE",
      `the event has ${bytes} bytes; EVENT_MAX_BYTES allows ${maxBytes}`,
    );
  }
  const { data } = raw;
  if (!Number.isSafeInteger(raw.teamId)) throw invalid("team_id is not an integer");
  if (!isObject(data)) throw invalid("the event is not an object");
  if (bytes > NESTING_FREE_BYTES && nestsDeeper(data)) {
    throw invalid(`the event nests deeper than ${MAX_NESTING} levels`);
  }

  const name = data.event;
  if (name === undefined) throw invalid("the event has no name: 'event' is missing");
  const distinctId = distinctIdText(data.distinct_id ?? raw.distinctId);
  const properties = data.properties ?? {};
  if (!isObject(properties)) throw invalid("'properties' is not an object");

  const sentUuid = data.uuid;
  const ownUuid = sentUuid !== undefined && sentUuid !== null && sentUuid !== raw.uuid;
  if (ownUuid && !(typeof sentUuid === "string" && UUID.test(sentUuid))) {
    throw invalid(`Not a valid UUID: "${shown(sentUuid)}"`);
  }
  const uuid = ownUuid ? (sentUuid as string).toLowerCase() : raw.uuid;

  const event: PluginEvent = {
    ...data,
    event: typeof name === "string" ? name : JSON.stringify(name),
    distinct_id: distinctId,
    ip: raw.ip || null,
    site_url: raw.siteUrl || null,
    team_id: raw.teamId,
    now: raw.now,
    sent_at: typeof data.sent_at === "string" ? data.sent_at : raw.sentAt,
    uuid,
    properties,
  };
  const content = ownUuid ? JSON.stringify(data) : null;
  return { event, claim: eventClaim(raw.teamId, uuid, content) };
}

/** What became unusable, for the dead letters. */
export function deadLetterOf(source: string, item: ReceivedItem, error: unknown): DeadLetter {
  const nothing = {
    source,
    teamId: null,
    eventUuid: null,
    event: null,
    distinctId: null,
    pluginConfigId: null,
    attempts: 1,
  };
  if (item.kind === "bad") {
    const { code, reason, payload } = item;
    return { ...nothing, kind: "message", step: "receive", code, reason, payload };
  }
  const failure = {
    step: "decode",
    code: error instanceof PaddockError ? error.code : "PDK_EVENT_INVALID" as const,
    reason: errorMessage(error),
  };
  if (item.kind === "job") {
    const { teamId, pluginConfigId } = item.job;
    const payload = payloadText(item.job);
    return { ...nothing, ...failure, kind: "job", teamId, pluginConfigId, payload };
  }
  const { attempts = 0, ...event } = item.event;
  return {
    ...nothing,
    ...failure,
    kind: "event",
    teamId: Number.isSafeInteger(event.teamId) ? event.teamId : null,
    eventUuid: event.uuid,
    event: typeof event.data?.event === "string" ? event.data.event : null,
    distinctId: printableId(event.data?.distinct_id ?? event.distinctId),
    attempts: attempts + 1,
    payload: payloadText(event),
  };
}

/** By which an operator finds it again. */
function printableId(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

/** JSON of anything; deep nesting that JSON.stringify cannot follow is said instead of thrown. */
export function payloadText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    return `(not printable as JSON: ${errorMessage(error)})`;
  }
}

/** As JavaScript prints it, which is what the server this one replaces stored. */
function distinctIdText(value: unknown): string {
  if (value === undefined || value === null) throw invalid("'distinct_id' is missing");
  let text: string;
  try {
    text = String(value);
  } catch {
    throw invalid("'distinct_id' cannot be read as text");
  }
  if (text === "") throw invalid("'distinct_id' is empty");
  if (text.length > MAX_DISTINCT_ID_LENGTH) {
    throw invalid(
      `'distinct_id' has ${text.length} characters; ${MAX_DISTINCT_ID_LENGTH} are allowed`,
    );
  }
  return text;
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : payloadText(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function invalid(reason: string): PaddockError {
  return new PaddockError("PDK_EVENT_INVALID", reason);
}
