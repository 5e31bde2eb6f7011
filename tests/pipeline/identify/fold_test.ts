import assert from "node:assert/strict";
import type { Person, PersonSnapshot } from "../../../src/events/persons.ts";
import { personKey, type PreparedEvent } from "../../../src/events/prepared_event.ts";
import type { JsonObject } from "../../../src/events/types.ts";
import { foldPersons } from "../../../src/pipeline/identify/fold.ts";

const TEAM = 2;
const AT = "2021-01-01T00:00:00.000Z";

let serial = 0;
const newUuid = () => `new-${++serial}`;

function event(distinctId: string, person: Partial<PreparedEvent["person"]> = {}): PreparedEvent {
  return {
    teamId: TEAM,
    uuid: "u",
    claim: "c",
    name: "e",
    distinctId,
    timestamp: AT,
    properties: "{}",
    elements: null,
    recording: null,
    person: { merge: null, set: null, setOnce: null, createdAt: AT, ...person },
  };
}

const identify = (id: string, otherId: string) =>
  event(id, { merge: { otherId, identifies: true } });
const alias = (id: string, otherId: string) => event(id, { merge: { otherId, identifies: false } });

function people(
  ...entries: {
    id: number;
    ids: string[];
    properties?: JsonObject;
    identified?: boolean;
    at?: string;
  }[]
): PersonSnapshot {
  const snapshot = new Map<string, Person>();
  for (const { id, ids, properties = {}, identified = false, at = AT } of entries) {
    const person: Person = {
      id,
      uuid: `p${id}`,
      teamId: TEAM,
      properties,
      createdAt: at,
      isIdentified: identified,
    };
    for (const distinctId of ids) snapshot.set(personKey(TEAM, distinctId), person);
  }
  return snapshot;
}

const fold = (events: PreparedEvent[], snapshot: PersonSnapshot = new Map()) =>
  foldPersons(events, snapshot, newUuid);

Deno.test("many events of a new visitor make one person, with the sum of what they set", () => {
  const changes = fold([
    event("a", { setOnce: { first: 1, shared: "first" } }),
    event("a", { setOnce: { first: 2 }, set: { last: 1 } }),
    event("a", { set: { last: 2, shared: "set" } }),
  ]);
  assert.equal(changes.created.length, 1);
  assert.deepEqual(changes.created[0]?.distinctIds, ["a"]);
  assert.deepEqual(changes.created[0]?.properties, { first: 1, shared: "set", last: 2 });
  assert.deepEqual([changes.updated, changes.merged, changes.addedIds], [[], [], []]);
});

Deno.test("a known visitor who brings nothing new changes nothing", () => {
  const known = people({ id: 1, ids: ["a"], properties: { x: { deep: [1], b: null }, y: 1 } });
  // Postgres gives objects back in an order of its own.
  const set = { x: { b: null, deep: [1] } };
  const changes = fold([event("a", { set, setOnce: { y: 2 } })], known);
  assert.deepEqual(changes, { created: [], updated: [], merged: [], addedIds: [], seen: [] });
});

Deno.test("a key named __proto__ is data", () => {
  const set = JSON.parse('{"__proto__": {"polluted": true}}');
  const properties = fold([event("a", { set })]).created[0]?.properties ?? {};
  assert.deepEqual(Object.keys(properties), ["__proto__"]);
  assert.equal(({} as JsonObject).polluted, undefined);
});

Deno.test("identify and alias, case by case", async (t) => {
  await t.step("only the other is known: it gets the id", () => {
    const changes = fold([alias("new", "old")], people({ id: 1, ids: ["old"] }));
    assert.deepEqual(changes.addedIds.map(({ person, distinctId }) => [person.id, distinctId]), [
      [1, "new"],
    ]);
    assert.equal(changes.created.length, 0);
  });
  await t.step("only the event's own is known: it gets the other", () => {
    const changes = fold([identify("new", "old")], people({ id: 1, ids: ["new"] }));
    assert.deepEqual(changes.addedIds.map(({ distinctId }) => distinctId), ["old"]);
    assert.deepEqual(changes.updated.map(({ id, isIdentified }) => [id, isIdentified]), [[
      1,
      true,
    ]]);
  });
  await t.step("neither: one person, own id first", () => {
    const changes = fold([identify("new", "old")]);
    assert.deepEqual(changes.created.map((p) => [p.distinctIds, p.isIdentified]), [
      [["new", "old"], true],
    ]);
  });
  await t.step("both: the other is merged into the event's own", () => {
    const changes = fold(
      [alias("new", "old")],
      people(
        { id: 1, ids: ["old"], properties: { k: "o", a: 1 }, at: "2019-01-01T00:00:00.000Z" },
        { id: 2, ids: ["new"], properties: { k: "n", b: 2 } },
      ),
    );
    assert.deepEqual(changes.merged.map(({ id, into }) => [id, into.id]), [[1, 2]]);
    assert.deepEqual(changes.updated.map((p) => [p.id, p.properties, p.createdAt]), [
      [2, { k: "n", a: 1, b: 2 }, "2019-01-01T00:00:00.000Z"],
    ]);
  });
  await t.step("an identified other is not merged by identify, but the own is identified", () => {
    const snapshot = people({ id: 1, ids: ["old"], identified: true }, { id: 2, ids: ["new"] });
    const changes = fold([identify("new", "old")], snapshot);
    assert.deepEqual(changes.merged, []);
    assert.deepEqual(changes.updated.map((p) => [p.id, p.isIdentified]), [[2, true]]);
  });
  await t.step("an alias merges whatever the flags say", () => {
    const snapshot = people(
      { id: 1, ids: ["old"], identified: true },
      { id: 2, ids: ["new"], identified: true },
    );
    assert.equal(fold([alias("new", "old")], snapshot).merged.length, 1);
  });
});

Deno.test("merges within one batch follow each other and leave only net changes", () => {
  const snapshot = people(
    { id: 1, ids: ["a"], properties: { a: 1 } },
    { id: 2, ids: ["b"], properties: { b: 1 } },
    { id: 3, ids: ["c"], properties: { c: 1 } },
  );
  const changes = fold([
    alias("b", "a"),
    alias("c", "b"),
    event("a", { set: { late: true } }),
    event("new"),
    alias("c", "new"),
  ], snapshot);
  const merged = changes.merged.map(({ id, into }) => `${id} into ${into.id}`).sort();
  assert.deepEqual(merged, ["1 into 3", "2 into 3"]);
  assert.deepEqual(changes.updated.map((p) => [p.id, p.properties]), [
    [3, { a: 1, b: 1, c: 1, late: true }],
  ]);
  // The person made for "new" never becomes a row: its id goes to the one it was merged into.
  assert.deepEqual(changes.created, []);
  assert.deepEqual(changes.addedIds.map(({ person, distinctId }) => [person.id, distinctId]), [
    [3, "new"],
  ]);
});

Deno.test("an existing person can be merged into one that this batch makes", () => {
  const changes = fold([event("new"), alias("new", "old")], people({ id: 1, ids: ["old"] }));
  assert.equal(changes.created.length, 1);
  assert.deepEqual(changes.merged.map(({ id, into }) => [id, into.id, into.uuid]), [
    [1, null, changes.created[0]?.uuid],
  ]);
});
