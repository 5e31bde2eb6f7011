/** What ClickHouse is told of people, in the forms of PostHog's plugin server 1.10. */
import assert from "node:assert/strict";
import type { PersonWrites } from "../../../src/events/persons.ts";
import type { OutputMessage } from "../../../src/stores/kafka/messages/output_message.ts";
import { peopleMessages } from "../../../src/stores/kafka/messages/people_messages.ts";

const NOTHING: PersonWrites = {
  created: [],
  updated: [],
  merged: [],
  addedIds: [],
  movedIds: [],
  seen: [],
};
const NOW = "2021-10-28T12:36:26.123Z";
const person = {
  id: 1,
  uuid: "u1",
  teamId: 2,
  properties: { a: "🦔", b: null },
  createdAt: "2020-02-27T18:00:36.789Z",
  isIdentified: false,
};

const told = (writes: Partial<PersonWrites>) =>
  peopleMessages({ ...NOTHING, ...writes }, NOW).map(({ topic, value }: OutputMessage) => ({
    topic,
    ...JSON.parse(new TextDecoder().decode(value)),
  }));

const row = {
  topic: "clickhouse_person",
  id: "u1",
  created_at: "2020-02-27 18:00:36",
  properties: '{"a":"🦔","b":null}',
  team_id: 2,
  is_identified: false,
  is_deleted: 0,
};

Deno.test("createPerson and addDistinctId: the person, then each of its ids", () => {
  const distinctIds = ["one", "two"];
  const addedIds = distinctIds.map((distinctId, index) => ({
    id: index,
    teamId: 2,
    distinctId,
    personUuid: "u1",
  }));
  assert.deepEqual(told({ created: [{ ...person, distinctIds }], addedIds }), [
    row,
    ...distinctIds.map((distinctId, index) => ({
      topic: "clickhouse_person_unique_id",
      id: index,
      person_id: "u1",
      is_deleted: 0,
      distinct_id: distinctId,
      team_id: 2,
    })),
  ]);
});

Deno.test("updatePerson: all of the row as it is now, the time to the second", () => {
  const updated = [{
    ...person,
    properties: { c: 1 },
    isIdentified: true,
    createdAt: "2019-01-01T00:00:00.999Z",
  }];
  assert.deepEqual(told({ updated }), [{
    ...row,
    created_at: "2019-01-01 00:00:00",
    properties: '{"c":1}',
    is_identified: true,
  }]);
});

Deno.test("moveDistinctIds and deletePerson: who takes over, each id for both, who is gone", () => {
  const moved = { topic: "clickhouse_person_unique_id", distinct_id: "other", team_id: 2 };
  assert.deepEqual(
    told({
      updated: [person],
      movedIds: [{ teamId: 2, distinctId: "other", fromUuid: "u2", intoUuid: "u1" }],
      merged: [{ id: 3, uuid: "u2", teamId: 2, into: { id: 1, uuid: "u1" } }],
    }),
    [
      row,
      { ...moved, person_id: "u1", is_deleted: 0 },
      { ...moved, person_id: "u2", is_deleted: 1 },
      {
        ...row,
        id: "u2",
        created_at: "2021-10-28 12:36:26",
        properties: "{}",
        is_deleted: 1,
      },
    ],
  );
});

Deno.test("messages of one person, and of one id, keep their order", () => {
  const writes: PersonWrites = {
    ...NOTHING,
    updated: [person],
    movedIds: [{ teamId: 2, distinctId: "other", fromUuid: "u2", intoUuid: "u1" }],
  };
  assert.deepEqual(peopleMessages(writes, NOW).map(({ order }) => order), [
    "2:u1",
    "2:other",
    "2:other",
  ]);
});
