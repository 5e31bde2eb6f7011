/** The statements of the person tables, each for a whole batch. All run inside the write transaction. */
import type {
  AddedId,
  CreatedPerson,
  MovedId,
  Person,
  PersonChanges,
  PersonSnapshot,
  PersonWrites,
} from "../../../events/persons.ts";
import { personKey, type PreparedEvent } from "../../../events/prepared_event.ts";
import { storableJsonText } from "../../../events/storable_text.ts";
import type { JsonObject } from "../../../events/types.ts";
import { jsonbArray, textArray } from "../binary_arrays.ts";
import type { Queryable } from "../database.ts";
import deletePersons from "./delete_persons.sql" with { type: "text" };
import insertDistinctIds from "./insert_distinct_ids.sql" with { type: "text" };
import insertPersons from "./insert_persons.sql" with { type: "text" };
import lockPersons from "./lock_persons.sql" with { type: "text" };
import moveCohortPeople from "./move_cohort_people.sql" with { type: "text" };
import moveDistinctIds from "./move_distinct_ids.sql" with { type: "text" };
import readPersons from "./read_persons.sql" with { type: "text" };
import updatePersons from "./update_persons.sql" with { type: "text" };

interface PersonRow {
  readonly team_id: number;
  readonly distinct_id: string;
  readonly id: number;
  readonly uuid: string;
  readonly properties: JsonObject;
  readonly created_at: Date;
  readonly is_identified: boolean;
}

/** The distinct ids that a batch touches, each once, in the columns of a parameter. */
export interface TouchedIds {
  readonly teamIds: number[];
  readonly distinctIds: string[];
}

/** Every distinct id the events touch. */
export function touchedIds(events: readonly PreparedEvent[]): TouchedIds {
  const seen = new Set<string>();
  const touched: TouchedIds = { teamIds: [], distinctIds: [] };
  const add = (teamId: number, distinctId: string) => {
    const key = personKey(teamId, distinctId);
    if (seen.has(key)) return;
    seen.add(key);
    touched.teamIds.push(teamId);
    touched.distinctIds.push(distinctId);
  };
  for (const { teamId, distinctId, person } of events) {
    add(teamId, distinctId);
    if (person.merge !== null) add(teamId, person.merge.otherId);
  }
  return touched;
}

/** Who holds those ids now. */
export async function readSnapshot(tx: Queryable, touched: TouchedIds): Promise<PersonSnapshot> {
  const rows = await tx.query<PersonRow>(
    { name: "read_persons", text: readPersons },
    [touched.teamIds, textArray(touched.distinctIds)],
  );
  const people = new Map<number, Person>();
  const snapshot = new Map<string, Person>();
  for (const row of rows) {
    let person = people.get(row.id);
    if (person === undefined) {
      person = {
        id: row.id,
        uuid: row.uuid,
        teamId: row.team_id,
        properties: row.properties,
        createdAt: row.created_at.toISOString(),
        isIdentified: row.is_identified,
      };
      people.set(row.id, person);
    }
    snapshot.set(personKey(row.team_id, row.distinct_id), person);
  }
  return snapshot;
}

/** Ids of the existing rows that the changes write to or rely on, ascending. */
export function changedRows(changes: PersonChanges): number[] {
  const ids = new Set<number>();
  for (const { id } of changes.updated) ids.add(id);
  for (const { id, into } of changes.merged) {
    ids.add(id);
    if (into.id !== null) ids.add(into.id);
  }
  for (const { person } of changes.addedIds) ids.add(person.id as number);
  return [...ids].sort((one, other) => one - other);
}

/** Keeps other servers from changing or deleting these people until the transaction ends. */
export async function lockRows(tx: Queryable, ids: readonly number[]): Promise<void> {
  await tx.query({ name: "lock_persons", text: lockPersons }, [ids]);
}

/**
 * Writes the changes. Null when somebody else gave a new distinct id to a person meanwhile: the
 * caller rolls back to before and folds again over what is there now.
 */
export async function applyChanges(
  tx: Queryable,
  changes: PersonChanges,
  snapshot: PersonSnapshot,
): Promise<PersonWrites | null> {
  const { created, updated, merged } = changes;
  const idsByUuid = await insertCreated(tx, created);
  const addedIds = await insertIds(tx, changes, idsByUuid);
  if (addedIds === null) return null;
  const movedIds = await mergePersons(tx, merged, idsByUuid);
  if (updated.length > 0) await update(tx, changes, snapshot);
  const seen = changes.seen.map(({ event, person, holder }) => ({
    event,
    person: { ...person, id: holder.id ?? idsByUuid.get(holder.uuid) ?? null },
  }));
  return { created, updated, merged, addedIds, movedIds, seen };
}

async function mergePersons(
  tx: Queryable,
  merged: PersonChanges["merged"],
  idsByUuid: ReadonlyMap<string, number>,
): Promise<MovedId[]> {
  if (merged.length === 0) return [];
  const from = merged.map(({ id }) => id);
  const into = merged.map((merge) => merge.into.id ?? idsByUuid.get(merge.into.uuid));
  const rows = await tx.query<{ team_id: number; distinct_id: string; from_id: number }>(
    moveDistinctIds,
    [from, into],
  );
  await tx.query(moveCohortPeople, [from, into]);
  await tx.query(deletePersons, [from]);
  const mergeOf = new Map(merged.map((merge) => [merge.id, merge]));
  return rows.flatMap(({ team_id: teamId, distinct_id: distinctId, from_id: fromId }) => {
    const merge = mergeOf.get(fromId);
    if (merge === undefined) return [];
    return [{ teamId, distinctId, fromUuid: merge.uuid, intoUuid: merge.into.uuid }];
  });
}

async function insertCreated(
  tx: Queryable,
  created: readonly CreatedPerson[],
): Promise<ReadonlyMap<string, number>> {
  if (created.length === 0) return new Map();
  const rows = await tx.query<{ id: number; uuid: string }>(
    { name: "insert_persons", text: insertPersons },
    [
      textArray(created.map((person) => person.createdAt)),
      created.map((person) => person.teamId),
      jsonbArray(created.map((person) => storableJsonText(person.properties))),
      created.map((person) => person.isIdentified),
      textArray(created.map((person) => person.uuid)),
    ],
  );
  return new Map(rows.map((row) => [row.uuid, row.id]));
}

async function insertIds(
  tx: Queryable,
  changes: PersonChanges,
  idsByUuid: ReadonlyMap<string, number>,
): Promise<AddedId[] | null> {
  const groups = [
    ...changes.created.map((person) => ({
      teamId: person.teamId,
      personId: idsByUuid.get(person.uuid),
      personUuid: person.uuid,
      distinctIds: person.distinctIds,
    })),
    ...changes.addedIds.map(({ person, distinctId }) => ({
      teamId: person.teamId,
      personId: person.id,
      personUuid: person.uuid,
      distinctIds: [distinctId],
    })),
  ];
  if (groups.length === 0) return [];
  // One order in all transactions, so that two that insert the same ids wait for each other rather
  // than deadlock; within a person the ids keep their own order, which is that of their rows.
  groups.sort((one, other) => compare(sortKey(one), sortKey(other)));
  const flat = groups.flatMap(({ distinctIds, ...group }) =>
    distinctIds.map((distinctId) => ({ ...group, distinctId }))
  );
  const rows = await tx.query<{ id: number; team_id: number; distinct_id: string }>(
    { name: "insert_distinct_ids", text: insertDistinctIds },
    [
      textArray(flat.map(({ distinctId }) => distinctId)),
      flat.map(({ personId }) => personId),
      flat.map(({ teamId }) => teamId),
    ],
  );
  if (rows.length < flat.length) return null;
  const idOf = new Map(rows.map((row) => [personKey(row.team_id, row.distinct_id), row.id]));
  return flat.map(({ teamId, distinctId, personUuid }) => ({
    id: idOf.get(personKey(teamId, distinctId)) as number,
    teamId,
    distinctId,
    personUuid,
  }));
}

async function update(
  tx: Queryable,
  changes: PersonChanges,
  snapshot: PersonSnapshot,
): Promise<void> {
  const before = new Map([...snapshot.values()].map((person) => [person.id, person.createdAt]));
  const { updated } = changes;
  await tx.query({ name: "update_persons", text: updatePersons }, [
    updated.map((person) => person.id),
    jsonbArray(updated.map((person) => storableJsonText(person.properties))),
    textArray(
      updated.map(({ id, createdAt }) => createdAt === before.get(id) ? null : createdAt),
    ),
    updated.map((person) => person.isIdentified),
  ]);
}

function sortKey(group: { teamId: number; distinctIds: readonly string[] }): string {
  return personKey(group.teamId, group.distinctIds[0] ?? "");
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
