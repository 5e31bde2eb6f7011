/** From an event as it left the plugins to the row it becomes. */
import { PaddockError } from "../errors.ts";
import { type NewDefinitions, PLUGIN_METRICS_EVENT } from "../events/definitions.ts";
import { type Element, elementsHash, extractElements } from "../events/elements.ts";
import { groupsOf } from "../events/groups.ts";
import {
  isObject,
  ownUpdates,
  type PersonUpdates,
  withCampaign,
} from "../events/person_properties.ts";
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
  /** Whether the team had an event before. */
  readonly ingestedEvent: boolean;
}

/** Which plugins touched the event; null when none ran. */
export interface PluginMarks {
  readonly succeeded: readonly string[];
  readonly failed: readonly string[];
}

/** Knows which names are defined. */
export interface DefinitionIndex {
  missing(
    teamId: number,
    event: string,
    properties: JsonObject,
  ): NewDefinitions | undefined;
}

/** What an event is prepared with besides itself. */
export interface PrepareContext {
  /** The key under which it is remembered as stored. */
  readonly claim: string;
  readonly team: TeamRules;
  readonly marks: PluginMarks | null;
  /** Plugins that are told of it once it is stored. */
  readonly deferredTo: readonly string[];
  /** Told of an id that people are not merged over. */
  readonly onIllegalId?: (id: string) => void;
  readonly definitions: DefinitionIndex;
  /** Whether the team has actions. */
  readonly hasActions: boolean;
}

/**
 * Every column of the row, and what the event asks of the other tables.
 *
 * @throws PaddockError PDK_EVENT_INVALID for a `$snapshot` without session id or data; RangeError
 *   for nesting deeper than JSON.stringify can follow
 */
export function prepareEvent(event: PluginEvent, context: PrepareContext): PreparedEvent {
  const own = isObject(event.properties) ? event.properties : {};
  const distinctId = storableText(event.distinct_id);
  const base = {
    teamId: event.team_id,
    uuid: event.uuid,
    claim: context.claim,
    name: storableText(event.event.slice(0, MAX_NAME_LENGTH)),
    distinctId,
    timestamp: isoTime(eventTimeMs(event)),
  };
  if (event.event === "$snapshot") {
    return {
      ...base,
      properties: "{}",
      elements: null,
      recording: recordingOf(own),
      person: { merge: null, set: null, setOnce: null, createdAt: firstDate(event.now) },
    };
  }
  const clicked = clickedElements(own);
  const updates = ownUpdates(own, event.$set, event.$set_once);
  const seen = seenProperties(event, own, updates, context);
  const definitions = context.definitions.missing(event.team_id, base.name, seen);
  const { set, setOnce } = withCampaign(updates, own);
  // Actions look at what is seen, which is not all that is stored.
  const stored = context.hasActions ? { ...seen } : seen;
  if (set !== null) stored.$set = set;
  if (setOnce !== null) stored.$set_once = setOnce;
  const updatesPerson = event.event !== "$groupidentify";
  const groups = groupsOf(event.event, own);
  const merge = mergeOf(event.event, distinctId, own, context.onIllegalId);
  return {
    ...base,
    properties: storableJsonText(stored),
    elements: clicked === null
      ? null
      : { json: storableJsonText(clicked), hash: elementsHash(clicked) },
    recording: null,
    person: {
      merge,
      set: updatesPerson ? set : null,
      setOnce: updatesPerson ? setOnce : null,
      createdAt: merge === null ? firstDate(event.sent_at, event.now) : firstDate(event.now),
    },
    ...(groups === undefined ? {} : { groups }),
    ...(definitions === undefined ? {} : { definitions }),
    ...(context.team.ingestedEvent || base.name === PLUGIN_METRICS_EVENT
      ? {}
      : { isTeamsFirst: true }),
    ...(context.hasActions
      ? { subject: { event: { ...event, properties: seen }, elements: clicked ?? [] } }
      : {}),
  };
}

/**
 * The properties that definitions, actions and hooks see: the sender's and the plugins', what plugins
 * did, merged person updates and the address, in this order.
 */
function seenProperties(
  { ip }: PluginEvent,
  own: JsonObject,
  updates: PersonUpdates,
  { team, marks, deferredTo }: PrepareContext,
): JsonObject {
  const seen: JsonObject = { ...own };
  if (marks !== null || deferredTo.length > 0) {
    seen.$plugins_succeeded = marks?.succeeded ?? [];
    seen.$plugins_failed = marks?.failed ?? [];
    seen.$plugins_deferred = deferredTo;
  }
  if (updates.set !== null) seen.$set = updates.set;
  if (updates.setOnce !== null) seen.$set_once = updates.setOnce;
  if (ip && !team.anonymizeIps && !Object.hasOwn(own, "$ip")) seen.$ip = ip;
  if (hasElements(own)) delete seen.$elements;
  return seen;
}

/** An empty list stays in the properties, as it always did. */
function hasElements(properties: JsonObject): boolean {
  return Array.isArray(properties.$elements) && properties.$elements.length > 0;
}

function clickedElements(properties: JsonObject): Element[] | null {
  return hasElements(properties) ? extractElements(properties.$elements as unknown[]) : null;
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
  onIllegalId: PrepareContext["onIllegalId"],
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
  const illegal = [otherId, distinctId].find((id) => !isMergeable(id));
  if (illegal === undefined) return { otherId, identifies };
  onIllegalId?.(illegal);
  return null;
}

/** The first that is a date, or else now. */
function firstDate(...moments: (string | null)[]): string {
  for (const moment of moments) {
    const date = moment ? normalizedDate(moment) : null;
    if (date !== null) return date;
  }
  return new Date().toISOString();
}
