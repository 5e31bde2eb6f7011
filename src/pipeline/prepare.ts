/** From an event as it left the plugins to the row it becomes. */
import { PaddockError } from "../errors.ts";
import { elementsHash, extractElements } from "../events/elements.ts";
import { isObject, personUpdates } from "../events/person_properties.ts";
import type { PreparedEvent } from "../events/prepared_event.ts";
import { storableJsonText, storableText } from "../events/storable_text.ts";
import { eventTimeMs, isoTime, normalizedDate } from "../events/timestamps.ts";
import type { JsonObject, PluginEvent } from "../events/types.ts";
import { isMergeable } from "./identify/illegal_ids.ts";

/** Longer names are cut. */
const MAX_NAME_LENGTH = 200;

/** What of a team decides how its events are stored. */
export interface TeamRules {
  readonly anonymizeIps: boolean;
}

/** Which plugins touched the event; null when none ran. */
export interface PluginMarks {
  readonly succeeded: readonly string[];
  readonly failed: readonly string[];
}

/**
 * Every column of the row, and what the event asks of the person tables.
 *
 * @throws PaddockError PDK_EVENT_INVALID for a `$snapshot` without session id or data; RangeError
 *   for nesting deeper than JSON.stringify can follow
 */
export function prepareEvent(
  event: PluginEvent,
  claim: string,
  team: TeamRules,
  marks: PluginMarks | null,
): PreparedEvent {
  const own = isObject(event.properties) ? event.properties : {};
  const timestamp = isoTime(eventTimeMs(event));
  const distinctId = storableText(event.distinct_id);
  const base = {
    teamId: event.team_id,
    uuid: event.uuid,
    claim,
    name: storableText(event.event.slice(0, MAX_NAME_LENGTH)),
    distinctId,
    timestamp,
  };
  const createdAt = personCreatedAt(event);
  if (event.event === "$snapshot") {
    return {
      ...base,
      properties: "{}",
      elements: null,
      recording: recordingOf(own),
      person: { merge: null, set: null, setOnce: null, createdAt },
    };
  }
  const properties: JsonObject = { ...own };
  const { set, setOnce } = personUpdates(own, event.$set, event.$set_once);
  if (set !== null) properties.$set = set;
  if (setOnce !== null) properties.$set_once = setOnce;
  if (event.ip && !team.anonymizeIps && !Object.hasOwn(own, "$ip")) properties.$ip = event.ip;
  if (marks !== null) {
    properties.$plugins_succeeded = marks.succeeded;
    properties.$plugins_failed = marks.failed;
    properties.$plugins_deferred = [];
  }
  if (hasElements(own)) delete properties.$elements;
  const updatesPerson = event.event !== "$groupidentify";
  return {
    ...base,
    properties: storableJsonText(properties),
    elements: elementsOf(own),
    recording: null,
    person: {
      merge: mergeOf(event.event, distinctId, own),
      set: updatesPerson ? set : null,
      setOnce: updatesPerson ? setOnce : null,
      createdAt,
    },
  };
}

/** An empty list stays in the properties, as it always did. */
function hasElements(properties: JsonObject): boolean {
  return Array.isArray(properties.$elements) && properties.$elements.length > 0;
}

function elementsOf(properties: JsonObject): PreparedEvent["elements"] {
  if (!hasElements(properties)) return null;
  const elements = extractElements(properties.$elements as unknown[]);
  return { json: storableJsonText(elements), hash: elementsHash(elements) };
}

function recordingOf(properties: JsonObject): PreparedEvent["recording"] {
  const sessionId = properties.$session_id;
  const data = properties.$snapshot_data;
  if (typeof sessionId !== "string" || sessionId === "" || sessionId.length > 200) {
    throw new PaddockError(
      "PDK_EVENT_INVALID",
      "a $snapshot needs '$session_id': a text of at most 200 characters",
    );
  }
  if (data === undefined || data === null) {
    throw new PaddockError("PDK_EVENT_INVALID", "a $snapshot needs '$snapshot_data'");
  }
  return { sessionId: storableText(sessionId), snapshotData: storableJsonText(data) };
}

function mergeOf(
  name: string,
  distinctId: string,
  properties: JsonObject,
): PreparedEvent["person"]["merge"] {
  const identifies = name === "$identify";
  if (!identifies && name !== "$create_alias") return null;
  const other = identifies ? properties.$anon_distinct_id : properties.alias;
  if (other === undefined || other === null || other === "" || typeof other === "object") {
    return null;
  }
  const otherId = storableText(String(other));
  // The very same id on both sides asks for nothing.
  if (otherId === distinctId) return null;
  return isMergeable(otherId) && isMergeable(distinctId) ? { otherId, identifies } : null;
}

function personCreatedAt(event: PluginEvent): string {
  for (const moment of [event.sent_at, event.now]) {
    const date = moment ? normalizedDate(moment) : null;
    if (date !== null) return date;
  }
  return new Date().toISOString();
}
