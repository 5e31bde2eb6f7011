/**
 * People as a single thread would keep them, written as plainly as the rules are: one operation after
 * the other, on maps, no batches. What the batched code does is compared with it.
 */

/** What an event asks of the people. */
export type PeopleOperation =
  | {
    readonly kind: "capture";
    readonly id: string;
    readonly set: Readonly<Record<string, unknown>>;
    readonly setOnce: Readonly<Record<string, unknown>>;
  }
  | { readonly kind: "identify" | "alias"; readonly id: string; readonly otherId: string };

export interface ModelPerson {
  readonly ids: Set<string>;
  properties: Map<string, unknown>;
  createdAt: string;
  isIdentified: boolean;
}

/** Ids that never merge, as far as the tests use them. */
export const ILLEGAL_IDS = ["anonymous", "null", "0", " "];

export class PeopleModel {
  readonly people = new Set<ModelPerson>();

  /** @param at the moment at which a person is created that this event is the first of */
  apply(operation: PeopleOperation, at: string): void {
    const { id } = operation;
    if (operation.kind !== "capture") this.#merge(operation, at);
    const person = this.#of(id) ?? this.#create([id], at);
    if (operation.kind !== "capture") return;
    for (const [key, value] of Object.entries(operation.setOnce)) {
      if (!person.properties.has(key)) person.properties.set(key, value);
    }
    for (const [key, value] of Object.entries(operation.set)) person.properties.set(key, value);
  }

  #merge(
    { kind, id, otherId }: Extract<PeopleOperation, { otherId: string }>,
    at: string,
  ): void {
    if (id === otherId || ILLEGAL_IDS.includes(id) || ILLEGAL_IDS.includes(otherId)) return;
    const own = this.#of(id);
    const other = this.#of(otherId);
    if (own === undefined && other === undefined) this.#create([id, otherId], at);
    else if (own === undefined) other?.ids.add(id);
    else if (other === undefined) own.ids.add(otherId);
    else if (own !== other && !(kind === "identify" && other.isIdentified)) {
      for (const moved of other.ids) own.ids.add(moved);
      own.properties = new Map([...other.properties, ...own.properties]);
      if (other.createdAt < own.createdAt) own.createdAt = other.createdAt;
      own.isIdentified ||= other.isIdentified;
      this.people.delete(other);
    }
    const holder = this.#of(id);
    if (kind === "identify" && holder !== undefined) holder.isIdentified = true;
  }

  #of(id: string): ModelPerson | undefined {
    for (const person of this.people) if (person.ids.has(id)) return person;
    return undefined;
  }

  #create(ids: readonly string[], createdAt: string): ModelPerson {
    const person = {
      ids: new Set(ids),
      properties: new Map<string, unknown>(),
      createdAt,
      isIdentified: false,
    };
    this.people.add(person);
    return person;
  }
}

/** A person in a form that can be compared. */
export interface ComparedPerson {
  readonly ids: readonly string[];
  readonly properties: Readonly<Record<string, unknown>>;
  readonly createdAt: string;
  readonly isIdentified: boolean;
}

/** The model's people, in the order of their first ids. */
export function comparedPeople(model: PeopleModel): ComparedPerson[] {
  return inOrder([...model.people].map((person) => ({
    ids: [...person.ids].sort(),
    properties: Object.fromEntries(person.properties),
    createdAt: person.createdAt,
    isIdentified: person.isIdentified,
  })));
}

/** Sorted by the first of their ids. */
export function inOrder<Each extends { readonly ids: readonly string[] }>(
  people: readonly Each[],
): Each[] {
  return people.toSorted((one, other) => String(one.ids[0]) < String(other.ids[0]) ? -1 : 1);
}
