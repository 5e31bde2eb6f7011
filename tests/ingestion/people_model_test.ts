/**
 * People after random operations, cut into random batches, are those that a simple model keeps.
 * `PADDOCK_PEOPLE_RUNS` makes it more of them; a failure names the seed and the least that fails.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Person, PersonChanges, PersonSnapshot } from "../../src/events/persons.ts";
import { personKey, type PreparedEvent } from "../../src/events/prepared_event.ts";
import type { PluginEvent } from "../../src/events/types.ts";
import { foldPersons } from "../../src/pipeline/identify/fold.ts";
import { prepareEvent } from "../../src/pipeline/prepare.ts";
import { createTestDatabase } from "../services/database.ts";
import {
  comparedPeople,
  type ComparedPerson,
  ILLEGAL_IDS,
  inOrder,
  PeopleModel,
  type PeopleOperation,
} from "../services/people_model.ts";
import { feed, item } from "../services/pipeline.ts";
import { createProjects, type TestProject } from "../services/project.ts";

const runs = Number(Deno.env.get("PADDOCK_PEOPLE_RUNS") ?? 2_000);

const TEAM = 2;
const IDS = ["a", "b", "c", "d", "e", "__proto__", ...ILLEGAL_IDS];

const anyId = fc.constantFrom(...IDS);
const values = fc.dictionary(
  fc.constantFrom("x", "y", "constructor", "__proto__"),
  fc.constantFrom<unknown>(1, "1", null, false, { deep: [1] }, {}),
  { maxKeys: 2 },
);
const anyOperation: fc.Arbitrary<PeopleOperation> = fc.oneof(
  fc.record({
    kind: fc.constant("capture" as const),
    id: anyId,
    set: values,
    setOnce: values,
  }),
  fc.record({
    kind: fc.constantFrom("identify" as const, "alias" as const),
    id: anyId,
    otherId: anyId,
  }),
);
const anyBatches = fc.array(fc.array(anyOperation, { minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 6,
});

/** The moment of the nth event; the order is not that of the numbers. */
const moment = (index: number) => new Date(Date.UTC(2021, (index * 7) % 12, 1)).toISOString();

function eventData(
  operation: PeopleOperation,
): { event: string; properties: Record<string, unknown> } {
  switch (operation.kind) {
    case "capture":
      return {
        event: "visit",
        properties: { $set: operation.set, $set_once: operation.setOnce },
      };
    case "identify":
      return { event: "$identify", properties: { $anon_distinct_id: operation.otherId } };
    case "alias":
      return { event: "$create_alias", properties: { alias: operation.otherId } };
  }
}

function prepared(operation: PeopleOperation, at: string): PreparedEvent {
  const event: PluginEvent = {
    uuid: "u",
    distinct_id: operation.id,
    team_id: TEAM,
    ip: null,
    site_url: null,
    now: at,
    sent_at: null,
    ...eventData(operation),
  };
  return prepareEvent(event, {
    claim: "c",
    team: { anonymizeIps: false, ingestedEvent: true },
    marks: null,
    deferredTo: [],
    definitions: { missing: () => undefined },
    hasActions: false,
  });
}

/** The person tables, as maps: what a fold leaves is put into them. */
class Tables {
  readonly #persons = new Map<number, Person>();
  readonly #holders = new Map<string, number>();
  #nextId = 1;

  snapshot(): PersonSnapshot {
    return new Map([...this.#holders].map(([key, id]) => [key, this.#persons.get(id) as Person]));
  }

  apply({ created, updated, merged, addedIds }: PersonChanges): void {
    const byUuid = new Map<string, number>();
    for (const { distinctIds, ...person } of created) {
      const id = this.#nextId++;
      byUuid.set(person.uuid, id);
      this.#persons.set(id, { ...person, id });
      for (const distinctId of distinctIds) this.#give(distinctId, id);
    }
    for (const { person, distinctId } of addedIds) this.#give(distinctId, person.id as number);
    for (const { id, into } of merged) {
      const target = into.id ?? byUuid.get(into.uuid) as number;
      for (const [key, holder] of this.#holders) if (holder === id) this.#holders.set(key, target);
      assert.ok(this.#persons.delete(id));
    }
    for (const person of updated) {
      assert.ok(this.#persons.has(person.id), "what is changed is there");
      this.#persons.set(person.id, person);
    }
  }

  people(): ComparedPerson[] {
    return inOrder([...this.#persons].map(([id, person]) => ({
      ids: IDS.filter((distinctId) => this.#holders.get(personKey(TEAM, distinctId)) === id).sort(),
      properties: person.properties,
      createdAt: person.createdAt,
      isIdentified: person.isIdentified,
    })));
  }

  #give(distinctId: string, id: number): void {
    const key = personKey(TEAM, distinctId);
    assert.ok(!this.#holders.has(key), `${distinctId} has one person`);
    this.#holders.set(key, id);
  }
}

function modelled(batches: readonly (readonly PeopleOperation[])[]): ComparedPerson[] {
  const model = new PeopleModel();
  batches.flat().forEach((operation, index) => model.apply(operation, moment(index)));
  return comparedPeople(model);
}

Deno.test("folds of random batches leave the people of the model", () => {
  let uuids = 0;
  fc.assert(
    fc.property(anyBatches, (batches) => {
      const tables = new Tables();
      let index = 0;
      for (const batch of batches) {
        const events = batch.map((operation) => prepared(operation, moment(index++)));
        tables.apply(foldPersons(events, tables.snapshot(), () => `uuid ${++uuids}`));
      }
      assert.deepEqual(tables.people(), modelled(batches));
    }),
    { numRuns: runs },
  );
});

async function storedPeople(project: TestProject): Promise<ComparedPerson[]> {
  const rows = await project.rows(
    `SELECT array_agg(held.distinct_id) AS ids, person.properties, person.is_identified,
       person.created_at
     FROM posthog_person AS person
     LEFT JOIN posthog_persondistinctid AS held ON held.person_id = person.id
     WHERE person.team_id = $1 GROUP BY person.id`,
  );
  return inOrder(rows.map((row) => ({
    ids: (row.ids as string[]).sort(),
    properties: row.properties as Record<string, unknown>,
    createdAt: (row.created_at as Date).toISOString(),
    isIdentified: row.is_identified as boolean,
  })));
}

Deno.test("the tables hold the people of the model", async () => {
  await using test = await createTestDatabase();
  const { pipeline, create } = await createProjects(test.database);
  await fc.assert(
    fc.asyncProperty(anyBatches, async (batches) => {
      const project = await create();
      let index = 0;
      for (const batch of batches) {
        await feed(
          pipeline,
          batch.map((operation) =>
            item(project.teamId, { ...eventData(operation), distinct_id: operation.id }, {
              now: moment(index++),
            })
          ),
        );
      }
      assert.deepEqual(await storedPeople(project), modelled(batches));
    }),
    { numRuns: Math.ceil(runs / 20) },
  );
  await pipeline.drain(5_000, new AbortController().signal);
});
