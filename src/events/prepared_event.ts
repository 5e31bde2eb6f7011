import type { NewDefinitions } from "./definitions.ts";
import type { Element } from "./elements.ts";
import { type EventGroups, type GroupTypeIndex, withGroupProperties } from "./groups.ts";
import type { OutgoingEvent } from "./outgoing_event.ts";
import type { JsonObject, PluginEvent } from "./types.ts";

/** What an event asks of the person tables. */
export interface PersonEffects {
  /** `$identify` or `$create_alias`: the other id, to be joined with the event's distinct id. */
  readonly merge: { readonly otherId: string; readonly identifies: boolean } | null;
  /** Values to set, whatever was there. */
  readonly set: JsonObject | null;
  /** Values to set where the person has no such key. */
  readonly setOnce: JsonObject | null;
  /** `created_at` of the person if this event is the first that is seen of them (ISO 8601). */
  readonly createdAt: string;
}

/** What actions look at. */
export interface ActionSubject {
  /** With its whole name; its properties have `$ip`, but no elements, campaign or group values. */
  readonly event: PluginEvent;
  /** What was clicked, innermost first. */
  readonly elements: readonly Element[];
}

/** An event ready to be written: every column of its row, and what it asks of the person tables. */
export interface PreparedEvent {
  readonly teamId: number;
  readonly uuid: string;
  /** 32 hex digits; equal only for the same event delivered again. */
  readonly claim: string;
  /** The stored name, at most 200 UTF-16 units. */
  readonly name: string;
  readonly distinctId: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly timestamp: string;
  /** JSON text Postgres takes: no U+0000, no lone surrogates. */
  readonly properties: string;
  /** What was clicked, where the event says so: JSON text of the list, and its hash. */
  readonly elements: { readonly json: string; readonly hash: string } | null;
  /** Set for `$snapshot`, which becomes a session recording row and no event row. */
  readonly recording: { readonly sessionId: string; readonly snapshotData: string } | null;
  readonly person: PersonEffects;
  /** Groups it belongs to or describes; their indexes are the store's to find or give out. */
  readonly groups?: EventGroups;
  /** Names that may not be defined yet. */
  readonly definitions?: NewDefinitions;
  /** Set where the team had no event when it was looked at last. */
  readonly isTeamsFirst?: true;
  /** Set where the team has actions that may match. */
  readonly subject?: ActionSubject;
  /** The event as it left the plugins, where some plugin is to be told of it once it is stored. */
  readonly outgoing?: OutgoingEvent;
}

/** Every distinct id the event touches, with its team: what must not be worked on out of order. */
export function conflictKeys(event: PreparedEvent): string[] {
  const own = personKey(event.teamId, event.distinctId);
  return event.person.merge === null
    ? [own]
    : [own, personKey(event.teamId, event.person.merge.otherId)];
}

/** One text for a distinct id within its team. */
export function personKey(teamId: number, distinctId: string): string {
  return `${teamId}:${distinctId}`;
}

/** The properties as they are stored: with an index for each group the event belongs to. */
export function storedProperties(
  { teamId, properties, groups }: PreparedEvent,
  indexOf: GroupTypeIndex,
): string {
  return groups === undefined
    ? properties
    : withGroupProperties(properties, groups.memberships, (type) => indexOf(teamId, type));
}
