import assert from "node:assert/strict";
import type { Pipeline } from "../../../../src/pipeline/pipeline.ts";
import type { Database } from "../../../../src/stores/postgres/database.ts";
import { createTestDatabase } from "../../../services/database.ts";
import { createPipeline, feed, item, prepareDatabase } from "../../../services/pipeline.ts";
import { seededRandom } from "../../../services/random.ts";

const drained = (pipeline: Pipeline) => pipeline.drain(5_000, new AbortController().signal);

async function count(database: Database, table: string): Promise<number> {
  const rows = await database.query<{ count: number }>(`SELECT count(*)::int FROM ${table}`);
  return rows[0]?.count ?? -1;
}

/** Each person as its distinct ids in order, its properties and whether it is identified. */
async function people(database: Database) {
  return await database.query<
    { ids: string[]; properties: Record<string, unknown>; known: boolean }
  >(
    `SELECT array_agg(held.distinct_id ORDER BY held.id) AS ids, person.properties,
       person.is_identified AS known
     FROM posthog_person AS person
     LEFT JOIN posthog_persondistinctid AS held ON held.person_id = person.id
     GROUP BY person.id ORDER BY person.id`,
  );
}

Deno.test("an event becomes a row, its visitor a person", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database);
  await feed(pipeline, [
    item(teamId, {
      event: "$pageview",
      distinct_id: "me",
      timestamp: "2021-10-28T11:00:00Z",
      properties: { $current_url: "https://a/b", "nul\u0000": "lone \ud800", deep: { a: [1] } },
    }, { ip: "1.2.3.4" }),
  ]);
  await drained(pipeline);
  const [row] = await database.query<Record<string, unknown>>(
    `SELECT event, distinct_id, properties, timestamp, elements, elements_hash, team_id
     FROM posthog_event`,
  );
  assert.deepEqual(row, {
    event: "$pageview",
    distinct_id: "me",
    properties: {
      $current_url: "https://a/b",
      "nul\uFFFD": "lone \uFFFD",
      deep: { a: [1] },
      $ip: "1.2.3.4",
      $set_once: { $initial_current_url: "https://a/b" },
    },
    timestamp: new Date("2021-10-28T11:00:00Z"),
    elements: [],
    elements_hash: "",
    team_id: teamId,
  });
  assert.deepEqual(await people(database), [
    { ids: ["me"], properties: { $initial_current_url: "https://a/b" }, known: false },
  ]);
});

Deno.test("what comes again is recognised, what only looks alike is not", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database);
  const uuid = "0174876e-8000-0000-0000-00000000000a";
  const first = item(teamId, { event: "a", uuid, properties: { n: 1 } });
  const derived = item(teamId, { event: "b" });
  await feed(pipeline, [first, first, derived]);
  await feed(pipeline, [
    first,
    derived,
    // A client's retry: another message and another time of receipt, the same event.
    item(teamId, { event: "a", uuid, properties: { n: 1 } }, { now: "2021-10-29T00:00:00Z" }),
    // A client that uses one uuid for everything: another event.
    item(teamId, { event: "a", uuid, properties: { n: 2 } }),
    item(teamId, { event: "b" }),
  ]);
  // Across days as well: what was stored yesterday is not stored again today.
  await database.query(`CREATE TABLE paddock.event_seen_past PARTITION OF paddock.event_seen
    FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')`);
  await database.query(`WITH today AS (DELETE FROM paddock.event_seen RETURNING claim)
    INSERT INTO paddock.event_seen SELECT '2020-01-01', claim FROM today`);
  await feed(pipeline, [first, derived]);
  await drained(pipeline);
  assert.equal(await count(database, "posthog_event"), 4);
  assert.equal(pipeline.counters.repeated, 6);
});

Deno.test("a burst of brand-new visitors loses none, on several servers at once", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const servers = [createPipeline(database), createPipeline(database)];
  // Every visitor's events are spread over both servers, in batches that run at the same time.
  await Promise.all(Array.from({ length: 20 }, (_, batch) =>
    feed(
      servers[batch % 2] as Pipeline,
      Array.from({ length: 100 }, (_, index) =>
        item(teamId, {
          event: "$pageview",
          distinct_id: `visitor ${(index * 7 + batch) % 200}`,
          properties: { $set: { [`batch ${batch}`]: true }, $current_url: "https://a" },
        })),
    )));
  await Promise.all(servers.map(drained));
  assert.equal(await count(database, "posthog_event"), 2_000);
  assert.equal(await count(database, "posthog_person"), 200);
  assert.equal(await count(database, "posthog_persondistinctid"), 200);
  // No update was lost: each person has what each of its events set.
  const lost = await database.query(
    `SELECT 1 FROM posthog_event AS event
     JOIN posthog_persondistinctid AS held USING (team_id, distinct_id)
     JOIN posthog_person AS person ON person.id = held.person_id
     WHERE NOT person.properties @> (event.properties->'$set')`,
  );
  assert.deepEqual(lost, []);
  assert.equal(await count(database, "paddock.dead_letter"), 0);
});

Deno.test("identify and alias, merged in the tables", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database);
  const send = (event: string, distinctId: string, properties: Record<string, unknown> = {}) =>
    feed(pipeline, [item(teamId, { event, distinct_id: distinctId, properties })]);
  await send("$pageview", "anon", { $set: { a: "anon", both: "anon" } });
  await send("$pageview", "user", { $set: { u: "user", both: "user" } });
  await database.query(
    `WITH cohort AS (
      INSERT INTO posthog_cohort (team_id, deleted, groups, is_calculating, errors_calculating, is_static)
      VALUES ($1, false, '[]', false, 0, true), ($1, false, '[]', false, 0, true) RETURNING id
    ) INSERT INTO posthog_cohortpeople (cohort_id, person_id)
      SELECT cohort.id, person.id FROM cohort, posthog_person AS person
      WHERE person.properties ? 'a' OR cohort.id = (SELECT min(id) FROM cohort)`,
    [teamId],
  );
  await send("$identify", "user", { $anon_distinct_id: "anon" });
  await send("$identify", "user", { $anon_distinct_id: "second device" });
  await send("$create_alias", "user", { alias: "nickname" });
  await send("$identify", "guest", { $anon_distinct_id: "user" });
  await drained(pipeline);
  assert.deepEqual(await people(database), [
    {
      ids: ["anon", "user", "second device", "nickname"],
      properties: { a: "anon", u: "user", both: "user" },
      known: true,
    },
    { ids: ["guest"], properties: {}, known: false },
  ]);
  // Both memberships moved, none is there twice.
  assert.equal(await count(database, "posthog_cohortpeople"), 2);
});

Deno.test("random merges and updates on two servers leave what one server in order leaves", async () => {
  const seed = Number(Deno.env.get("PADDOCK_FAULT_SEED") ?? 7);
  const random = seededRandom(seed);
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const servers = [createPipeline(database), createPipeline(database)];
  const id = () => `id ${Math.floor(random() * 60)}`;
  // Aliases alone, whose result does not depend on their order: connected ids are one person.
  const pairs = Array.from({ length: 400 }, () => [id(), id()] as const);
  await Promise.all(Array.from({ length: 40 }, (_, batch) =>
    feed(
      servers[batch % 2] as Pipeline,
      pairs.slice(batch * 10, batch * 10 + 10).map(([one, other]) =>
        item(teamId, { event: "$create_alias", distinct_id: one, properties: { alias: other } })
      ),
    )));
  await Promise.all(servers.map(drained));
  const group = new Map<string, Set<string>>();
  for (const [one, other] of pairs) {
    const union = new Set([...group.get(one) ?? [one], ...group.get(other) ?? [other]]);
    for (const member of union) group.set(member, union);
  }
  const expected = [...new Set(group.values())].map((ids) => [...ids].sort().join()).sort();
  const actual = (await people(database)).map(({ ids }) => ids.toSorted().join()).sort();
  assert.deepEqual(actual, expected, `seed ${seed}`);
  assert.equal(await count(database, "posthog_event"), 400);
  assert.equal(await count(database, "paddock.dead_letter"), 0);
});

Deno.test("a row that Postgres refuses is found among the good ones and put aside", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  // What a deployment of its own may have added: a check that one event fails.
  await database.query(
    `ALTER TABLE posthog_event ADD CONSTRAINT no_poison CHECK (event <> 'poison')`,
  );
  const pipeline = createPipeline(database);
  await feed(
    pipeline,
    Array.from(
      { length: 50 },
      (_, n) =>
        item(teamId, { event: n === 23 ? "poison" : `good ${n}`, distinct_id: `visitor ${n % 5}` }),
    ),
  );
  await drained(pipeline);
  assert.equal(await count(database, "posthog_event"), 49);
  const letters = await database.query<{ code: string; event: string; reason: string }>(
    "SELECT code, event, reason FROM paddock.dead_letter",
  );
  assert.equal(letters.length, 1);
  assert.equal(letters[0]?.code, "PDK_ROW_REFUSED");
  assert.equal(letters[0]?.event, "poison");
  assert.match(letters[0]?.reason ?? "", /no_poison/);
});

Deno.test("bad events become dead letters with the reason, and cost no other", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database, { eventMaxBytes: 100_000 });
  const deep = JSON.parse("[".repeat(3000) + "]".repeat(3000));
  await feed(pipeline, [
    item(teamId, { event: "good 1" }),
    item(9999, { event: "unknown team" }),
    item(2 ** 40, { event: "impossible team" }),
    item(teamId, { event: "long id", distinct_id: "x".repeat(1000) }),
    item(teamId, { event: "bad uuid", uuid: "nope" }),
    item(teamId, { event: "huge", properties: { text: "x".repeat(200_000) } }),
    item(teamId, { event: "deep", properties: { deep } }),
    item(teamId, { event: "$snapshot", properties: {} }),
    { kind: "bad", code: "PDK_MESSAGE_MALFORMED", reason: "no JSON", payload: "{\u0000", bytes: 2 },
    item(teamId, { event: { a: 1 } }),
    item(teamId, { event: "number", distinct_id: 5 }),
    item(teamId, { event: "list", distinct_id: [1, 2] }),
    item(teamId, { event: "late", timestamp: "+099999-01-01T00:00:00Z" }),
    item(teamId, { event: "good 2" }),
  ]);
  await drained(pipeline);
  const stored = await database.query<{ event: string }>(
    "SELECT event FROM posthog_event ORDER BY id",
  );
  assert.deepEqual(
    stored.map(({ event }) => event).sort(),
    ["good 1", "good 2", "late", "list", "number", '{"a":1}'],
  );
  const letters = await database.query<{ code: string; reason: string }>(
    "SELECT code, reason FROM paddock.dead_letter ORDER BY id",
  );
  const reasons = letters.map(({ code, reason }) => `${code} ${reason}`).sort();
  assert.equal(reasons.length, 8);
  for (
    const wanted of [
      /PDK_TEAM_UNKNOWN there is no team 9999/,
      /PDK_TEAM_UNKNOWN there is no team 1099511627776/,
      /'distinct_id' has 1000 characters/,
      /Not a valid UUID: "nope"/,
      /PDK_EVENT_TOO_LARGE .*EVENT_MAX_BYTES/,
      /nests deeper than 500/,
      /\$session_id/,
      /PDK_MESSAGE_MALFORMED no JSON/,
    ]
  ) assert.ok(reasons.some((reason) => wanted.test(reason)), String(wanted));
});

Deno.test("a database that is away makes events wait, and a full pipeline says so", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database, { maxEvents: 50 });
  await feed(pipeline, [item(teamId, { event: "before" })]);
  await database.query("ALTER TABLE posthog_event RENAME TO posthog_event_away");
  await database.query(`CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'restarting' USING ERRCODE = '57P01'; END $$`);
  await database.query(`CREATE TABLE posthog_event (LIKE posthog_event_away INCLUDING DEFAULTS)`);
  await database.query(
    `CREATE TRIGGER away BEFORE INSERT ON posthog_event EXECUTE FUNCTION away()`,
  );
  const fed = feed(
    pipeline,
    Array.from({ length: 50 }, (_, n) => item(teamId, { event: `waiting ${n}` })),
  );
  assert.equal(pipeline.room.items, 0);
  const room = pipeline.hasRoom(AbortSignal.timeout(10_000)).then(() => pipeline.room.items);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(pipeline.room.items, 0);
  assert.match(pipeline.counters.storeUnavailable ?? "", /restarting/);
  await database.query("DROP TABLE posthog_event");
  await database.query("ALTER TABLE posthog_event_away RENAME TO posthog_event");
  await fed;
  assert.ok(await room > 0);
  await drained(pipeline);
  assert.equal(await count(database, "posthog_event"), 51);
  assert.equal(await count(database, "paddock.dead_letter"), 0);
});
