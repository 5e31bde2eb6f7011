/** People, as the fold reads and changes them. */
import type { PreparedEvent } from "./prepared_event.ts";
import type { JsonObject } from "./types.ts";

/** A row of `posthog_person`. */
export interface Person {
  /** The row's id; null for one that this fold creates. */
  readonly id: number | null;
  readonly uuid: string;
  readonly teamId: number;
  readonly properties: JsonObject;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly isIdentified: boolean;
}

/** Who holds which distinct id, as read from the database: `personKey` → person. */
export type PersonSnapshot = ReadonlyMap<string, Person>;

/** What a fold leaves to be written, all of it net: nothing in it undoes another part. */
export interface PersonChanges {
  readonly created: readonly CreatedPerson[];
  readonly updated: readonly UpdatedPerson[];
  readonly merged: readonly MergedPerson[];
  /** New distinct ids of persons that exist already. */
  readonly addedIds: readonly { readonly person: Person; readonly distinctId: string }[];
  /** For each event that actions look at, the person as the event left it. */
  readonly seen: readonly (SeenPerson & {
    /** Who has its distinct id in the end: existing (by id) or created in this fold (by uuid). */
    readonly holder: { readonly id: number | null; readonly uuid: string };
  })[];
}

/** A person as one event left it. */
export interface SeenPerson {
  readonly event: PreparedEvent;
  readonly person: Person;
}

/** A person to insert, with its distinct ids in order. */
export interface CreatedPerson extends Person {
  readonly distinctIds: readonly string[];
}

/** An existing person with its new values. */
export interface UpdatedPerson extends Person {
  readonly id: number;
}

/** An existing person whose ids and cohorts go to another, after which its row is deleted. */
export interface MergedPerson {
  readonly id: number;
  readonly uuid: string;
  readonly teamId: number;
  /** Who takes over: existing (by id) or created in this fold (by uuid). */
  readonly into: { readonly id: number | null; readonly uuid: string };
}

/** What a transaction did to the person tables. */
export interface PersonWrites {
  readonly created: readonly CreatedPerson[];
  readonly updated: readonly UpdatedPerson[];
  readonly merged: readonly MergedPerson[];
  readonly addedIds: readonly AddedId[];
  /** Ids of merged persons, those that no event of the batch speaks of included. */
  readonly movedIds: readonly MovedId[];
  /** For each event that actions look at, the person as the event left it, with its row's id. */
  readonly seen: readonly SeenPerson[];
}

/** A new row of `posthog_persondistinctid`. */
export interface AddedId {
  readonly id: number;
  readonly teamId: number;
  readonly distinctId: string;
  readonly personUuid: string;
}

/** A row of `posthog_persondistinctid` that belongs to another person now. */
export interface MovedId {
  readonly teamId: number;
  readonly distinctId: string;
  readonly fromUuid: string;
  readonly intoUuid: string;
}
