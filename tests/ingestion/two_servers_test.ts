/**
 * Two server processes, the same people, random operations at the same time. Nothing orders the events
 * of one server before those of the other, so what is compared with the model is all that does not
 * depend on an order: who is one person with whom, who is identified, which updates were made, which
 * cohorts a person is in. `PADDOCK_RACE_OPERATIONS` makes it more operations (100000 is the full
 * size), `PADDOCK_RACE_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import type { RawEvent } from "../../src/events/types.ts";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { type ModelPerson, PeopleModel, type PeopleOperation } from "../services/people_model.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { randomFrom, type SeededRandom } from "../services/random.ts";
import { createTestQueue, type TestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";

const operations = Number(Deno.env.get("PADDOCK_RACE_OPERATIONS") ?? 4_000);
const seed = Number(Deno.env.get("PADDOCK_RACE_SEED") ?? Date.now() % 100_000);

const GROUPS = Math.ceil(operations / 100);
const DEVICES = 8;
const CHUNK = 500;

const user = (group: number) => `user ${group}`;
const device = (group: number, index: number) => `device ${group} ${index}`;
const idsOf = (group: number) => [
  user(group),
  ...Array.from({ length: DEVICES }, (_, index) => device(group, index)),
];
/** The same for each event of an id, so that only the ids of a person decide. */
const sentAt = (id: string) => {
  const day = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 300, 7);
  return new Date(Date.UTC(2021, 0, 1 + day)).toISOString();
};

/**
 * An operation on the ids of one group. Only the group's user is ever identified, so that no order
 * makes an `$identify` meet somebody else who is: whether that is merged would depend on it.
 */
function anyOperation(random: SeededRandom, group: number, serial: number): PeopleOperation {
  const ids = idsOf(group);
  const kind = random.below(20);
  if (kind < 12) {
    return {
      kind: "capture",
      id: random.pick(ids),
      set: { [`operation ${serial}`]: serial, last: serial },
      setOnce: { first: serial },
    };
  }
  if (kind < 15) {
    return { kind: "identify", id: user(group), otherId: device(group, random.below(DEVICES)) };
  }
  if (kind < 16) return { kind: "alias", id: random.pick(ids), otherId: "anonymous" };
  return { kind: "alias", id: random.pick(ids), otherId: random.pick(ids) };
}

function rawEvent(teamId: number, operation: PeopleOperation): RawEvent {
  const { id, kind } = operation;
  const data = kind === "capture"
    ? { event: "visit", properties: { $set: operation.set, $set_once: operation.setOnce } }
    : kind === "identify"
    ? { event: "$identify", properties: { $anon_distinct_id: operation.otherId } }
    : { event: "$create_alias", properties: { alias: operation.otherId } };
  return {
    teamId,
    distinctId: id,
    ip: null,
    siteUrl: null,
    now: sentAt(id),
    sentAt: sentAt(id),
    data,
    uuid: "",
  };
}

interface StoredPerson {
  readonly ids: string[];
  readonly properties: Record<string, unknown>;
  readonly known: boolean;
  readonly created: Date;
  readonly cohorts: number[];
}

/** What of a person does not depend on the order; the rest is held to what it can be. */
function checkPerson(
  stored: StoredPerson,
  expected: ModelPerson,
  said: readonly PeopleOperation[],
) {
  const { last, first, ...updates } = stored.properties;
  const captures = said.flatMap((operation) => operation.kind === "capture" ? [operation] : [])
    .filter(({ id }) => expected.ids.has(id));
  assert.deepEqual(
    Object.keys(updates).sort(),
    captures.flatMap(({ set }) => Object.keys(set).filter((key) => key !== "last")).sort(),
    "no update is lost, none is anybody else's",
  );
  if (captures.length > 0) {
    assert.ok(captures.some(({ set }) => set.last === last));
    assert.ok(captures.some(({ setOnce }) => setOnce.first === first));
  }
  assert.equal(stored.known, expected.isIdentified);
  assert.ok([...expected.ids].some((id) => sentAt(id) === stored.created.toISOString()));
}

Deno.test("two servers and the same people at once leave what one thread would", async () => {
  console.log(`seed ${seed}, ${operations} operations`);
  const random = randomFrom(seed);
  await using test = await createTestDatabase();
  await using one = await createTestQueue();
  await using other = await createTestQueue();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const start = async (queue: TestQueue) =>
    await startServerProcess({
      DATABASE_URL: test.url,
      REDIS_URL: queue.url,
      PLUGINS_CELERY_QUEUE: queue.queue,
      BASE_DIR: await Deno.makeTempDir(),
      JOB_QUEUES: "",
    });
  const servers = await Promise.all([start(one), start(other)]);
  const stored = async (count: number) => {
    await eventually(async () => {
      const rows = await database.query<{ count: number }>(
        "SELECT count(*)::int FROM posthog_event",
      );
      return rows[0]?.count === count;
    }, 60_000 + operations * 30);
  };

  // Some are known before, and in cohorts that have to move with them.
  const known: PeopleOperation[] = Array.from({ length: GROUPS }, (_, group) => ({
    kind: "capture",
    id: device(group, 0),
    set: {},
    setOnce: {},
  }));
  await pushEvents(one.redis, one.queue, known.map((each) => rawEvent(teamId, each)));
  await stored(known.length);
  await database.query(
    `WITH cohort AS (
       INSERT INTO posthog_cohort (
         team_id, deleted, groups, is_calculating, errors_calculating, is_static
       ) VALUES ($1, false, '[]', false, 0, true) RETURNING id
     )
     INSERT INTO posthog_cohortpeople (cohort_id, person_id)
     SELECT cohort.id, person.id FROM cohort, posthog_person AS person`,
    [teamId],
  );

  const said: PeopleOperation[][] = Array.from({ length: GROUPS }, () => []);
  for (let first = 0; first < operations; first += CHUNK) {
    const shares: [RawEvent[], RawEvent[]] = [[], []];
    for (let serial = first; serial < Math.min(first + CHUNK, operations); serial++) {
      const group = random.below(GROUPS);
      const operation = anyOperation(random, group, serial);
      said[group]?.push(operation);
      random.pick(shares).push(rawEvent(teamId, operation));
    }
    await Promise.all([
      pushEvents(one.redis, one.queue, shares[0]),
      pushEvents(other.redis, other.queue, shares[1]),
    ]);
  }
  await stored(known.length + operations);
  for (const server of servers) assert.equal(await server.stop(), 0);

  const rows = await database.query<StoredPerson>(
    `SELECT array_agg(held.distinct_id) AS ids, person.properties, person.created_at AS created,
       person.is_identified AS known,
       ARRAY(SELECT cohort_id FROM posthog_cohortpeople WHERE person_id = person.id) AS cohorts
     FROM posthog_person AS person
     LEFT JOIN posthog_persondistinctid AS held ON held.person_id = person.id
     GROUP BY person.id`,
  );
  const byId = new Map(rows.flatMap((row) => row.ids.map((id) => [id, row] as const)));
  let people = 0;
  for (let group = 0; group < GROUPS; group++) {
    const model = new PeopleModel();
    const all = [known[group] as PeopleOperation, ...said[group] ?? []];
    for (const operation of all) model.apply(operation, sentAt(operation.id));
    for (const expected of model.people) {
      people++;
      const person = byId.get([...expected.ids][0] ?? "");
      assert.deepEqual(person?.ids.toSorted(), [...expected.ids].sort());
      checkPerson(person as StoredPerson, expected, all);
      assert.equal(person?.cohorts.length, expected.ids.has(device(group, 0)) ? 1 : 0);
    }
  }
  assert.equal(rows.length, people, "there is nobody else");
  assert.deepEqual(await database.query("SELECT reason FROM paddock.dead_letter"), []);
});
