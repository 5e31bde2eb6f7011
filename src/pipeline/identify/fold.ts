/**
 * Folds a whole batch of events, in order, over the people they touch, in memory. What comes out is
 * the net change: each person row is written at most once however many events touched it.
 *
 * The cases of `$identify` and `$create_alias` are those of PostHog's plugin server 1.10.
 */
import { isDeepStrictEqual } from "node:util";
import type {
  CreatedPerson,
  MergedPerson,
  Person,
  PersonChanges,
  PersonSnapshot,
  UpdatedPerson,
} from "../../events/persons.ts";
import { personKey, type PreparedEvent } from "../../events/prepared_event.ts";
import type { JsonObject } from "../../events/types.ts";

/** A person while the fold works on it. */
interface Working {
  readonly original: Person;
  properties: JsonObject;
  createdAt: string;
  isIdentified: boolean;
  changed: boolean;
  /** Ids this fold gave it that no row has yet. */
  readonly newIds: string[];
  mergedInto: Working | null;
}

/**
 * @param events in the order they are to take effect
 * @param snapshot every person the events touch, by `personKey`; absent means unknown
 * @param newUuid makes the uuid of a created person
 */
export function foldPersons(
  events: readonly PreparedEvent[],
  snapshot: PersonSnapshot,
  newUuid: () => string,
): PersonChanges {
  const people = new People(snapshot, newUuid);
  const looked: { event: PreparedEvent; person: Person; working: Working }[] = [];
  for (const event of events) {
    const { merge, set, setOnce, createdAt } = event.person;
    if (merge !== null) people.merge(event, merge.otherId, merge.identifies);
    const person = people.get(event.teamId, event.distinctId) ??
      people.create(event.teamId, [event.distinctId], createdAt, false);
    if (set !== null || setOnce !== null) applyProperties(person, set, setOnce);
    if (event.subject !== undefined) {
      looked.push({ event, person: current(person), working: person });
    }
  }
  const seen = looked.map(({ working, ...others }) => {
    const { id, uuid } = survivor(working).original;
    return { ...others, holder: { id, uuid } };
  });
  return { ...people.changes(), seen };
}

/** `$set_once` where the person has no such key, then `$set` over it: whole values, no deep merge. */
function applyProperties(person: Working, set: JsonObject | null, setOnce: JsonObject | null) {
  let properties = person.properties;
  let copied = false;
  const put = (key: string, value: unknown) => {
    if (!copied) properties = { ...properties };
    copied = true;
    // Not an assignment: a key named __proto__ is data like any other.
    Object.defineProperty(properties, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  };
  for (const key in setOnce) {
    if (!Object.hasOwn(properties, key)) put(key, setOnce[key]);
  }
  for (const key in set) {
    const isSame = Object.hasOwn(properties, key) &&
      (properties[key] === set[key] || isDeepStrictEqual(properties[key], set[key]));
    if (!isSame) put(key, set[key]);
  }
  if (copied) {
    person.properties = properties;
    person.changed = true;
  }
}

class People {
  readonly #byKey = new Map<string, Working>();
  readonly #byId = new Map<number, Working>();
  readonly #created: Working[] = [];
  readonly #snapshot: PersonSnapshot;
  readonly #newUuid: () => string;

  constructor(snapshot: PersonSnapshot, newUuid: () => string) {
    this.#snapshot = snapshot;
    this.#newUuid = newUuid;
  }

  get(teamId: number, distinctId: string): Working | undefined {
    const key = personKey(teamId, distinctId);
    const known = this.#byKey.get(key);
    if (known !== undefined) return survivor(known);
    const person = this.#snapshot.get(key);
    if (person === undefined) return undefined;
    const id = person.id as number;
    let working = this.#byId.get(id);
    if (working === undefined) {
      working = workingCopy(person);
      this.#byId.set(id, working);
    }
    this.#byKey.set(key, working);
    return survivor(working);
  }

  create(
    teamId: number,
    distinctIds: readonly string[],
    createdAt: string,
    isIdentified: boolean,
  ): Working {
    const working = workingCopy({
      id: null,
      uuid: this.#newUuid(),
      teamId,
      properties: {},
      createdAt,
      isIdentified,
    });
    this.#created.push(working);
    for (const distinctId of distinctIds) this.#giveId(working, distinctId);
    return working;
  }

  /** `$identify` and `$create_alias`: both ids belong to one person afterwards, with exceptions. */
  merge(event: PreparedEvent, otherId: string, identifies: boolean): void {
    const { teamId, distinctId } = event;
    const target = this.get(teamId, distinctId);
    const other = this.get(teamId, otherId);
    if (target === undefined && other === undefined) {
      this.create(teamId, [distinctId, otherId], event.person.createdAt, identifies);
      return;
    }
    if (target === undefined) this.#giveId(other as Working, distinctId);
    else if (other === undefined) this.#giveId(target, otherId);
    // Two people who were each identified are two people, whatever one device says.
    else if (target !== other && !(identifies && other.isIdentified)) absorb(target, other);

    if (!identifies) return;
    const holder = this.get(teamId, distinctId) as Working;
    if (!holder.isIdentified) {
      holder.isIdentified = true;
      holder.changed = true;
    }
  }

  changes(): Omit<PersonChanges, "seen"> {
    const created: CreatedPerson[] = [];
    const updated: UpdatedPerson[] = [];
    const merged: MergedPerson[] = [];
    const addedIds: { person: Person; distinctId: string }[] = [];
    for (const working of this.#created) {
      // A person made and merged away within one batch never becomes a row: its ids moved on.
      if (working.mergedInto !== null) continue;
      created.push({ ...current(working), distinctIds: working.newIds });
    }
    for (const [id, working] of this.#byId) {
      if (working.mergedInto !== null) {
        const into = survivor(working).original;
        merged.push({
          id,
          uuid: working.original.uuid,
          teamId: working.original.teamId,
          into: { id: into.id, uuid: into.uuid },
        });
        continue;
      }
      if (working.changed) updated.push({ ...current(working), id });
      for (const distinctId of working.newIds) {
        addedIds.push({ person: working.original, distinctId });
      }
    }
    return { created, updated, merged, addedIds };
  }

  #giveId(working: Working, distinctId: string): void {
    working.newIds.push(distinctId);
    this.#byKey.set(personKey(working.original.teamId, distinctId), working);
  }
}

/** The target keeps its id and uuid and wins per property; the older date and a login count. */
function absorb(target: Working, other: Working): void {
  target.properties = { ...other.properties, ...target.properties };
  if (other.createdAt < target.createdAt) target.createdAt = other.createdAt;
  target.isIdentified ||= other.isIdentified;
  target.changed = true;
  target.newIds.push(...other.newIds.splice(0));
  other.mergedInto = target;
}

function survivor(working: Working): Working {
  let person = working;
  while (person.mergedInto !== null) person = person.mergedInto;
  return person;
}

function workingCopy(original: Person): Working {
  return {
    original,
    properties: original.properties,
    createdAt: original.createdAt,
    isIdentified: original.isIdentified,
    changed: false,
    newIds: [],
    mergedInto: null,
  };
}

function current(working: Working): Person {
  const { original, properties, createdAt, isIdentified } = working;
  return { ...original, properties, createdAt, isIdentified };
}
