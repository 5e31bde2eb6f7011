/** Somebody outside holds a person's row: that person's events wait, everybody else's do not. */
import assert from "node:assert/strict";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { createPipeline, feed, item, prepareDatabase } from "../services/pipeline.ts";

Deno.test("events of a person whose row is held wait by themselves, and then apply in order", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const team = await prepareDatabase(database);
  const pipeline = createPipeline(database, { writers: 1 });
  const event = (visitor: number, number: number) =>
    item(team, {
      event: "seen",
      distinct_id: `visitor ${visitor}`,
      properties: { number, $set: { last: number } },
    });
  await feed(pipeline, Array.from({ length: 50 }, (_, visitor) => event(visitor, visitor)));
  const stored = async (where: string) => {
    const [row] = await database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM posthog_event WHERE ${where}`,
    );
    return row?.count ?? 0;
  };
  const held = Promise.withResolvers<void>();
  const letGo = Promise.withResolvers<void>();
  const holding = database.transaction(async (tx) => {
    await tx.query(
      `SELECT FROM posthog_person WHERE id = (
         SELECT person_id FROM posthog_persondistinctid WHERE distinct_id = 'visitor 7'
       ) FOR UPDATE`,
    );
    held.resolve();
    await letGo.promise;
  }, "patient");
  await held.promise;
  const feeding = Promise.all([1, 2, 3].map((round) =>
    feed(
      pipeline,
      Array.from({ length: 50 }, (_, visitor) => event(visitor, round * 100 + visitor)),
    )
  ));
  const others = "distinct_id <> 'visitor 7'";
  await eventually(async () => await stored(others) === 4 * 49);
  assert.equal(await stored("distinct_id = 'visitor 7'"), 1);
  assert.equal(pipeline.counters.storeUnavailable, null, "the store itself is there");
  letGo.resolve();
  await Promise.all([holding, feeding]);
  const rows = await database.query<{ number: number }>(
    `SELECT (properties->>'number')::int AS number FROM posthog_event
     WHERE distinct_id = 'visitor 7' ORDER BY id`,
  );
  assert.deepEqual(rows.map(({ number }) => number), [7, 107, 207, 307]);
  const [person] = await database.query<{ last: number }>(
    `SELECT (properties->>'last')::int AS last FROM posthog_person
     JOIN posthog_persondistinctid AS held ON held.person_id = posthog_person.id
     WHERE distinct_id = 'visitor 7'`,
  );
  assert.equal(person?.last, 307);
  await pipeline.drain(5_000, new AbortController().signal);
});

Deno.test("a stop does not wait for rows that stay held: their events are given back", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const team = await prepareDatabase(database);
  const pipeline = createPipeline(database, { writers: 1 });
  const set = (number: number) =>
    item(team, { event: "seen", distinct_id: "held", properties: { $set: { number } } });
  await feed(pipeline, [set(0)]);
  const letGo = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const holding = database.transaction(async (tx) => {
    await tx.query("SELECT FROM posthog_person FOR UPDATE");
    held.resolve();
    await letGo.promise;
  }, "patient");
  await held.promise;
  const back = Promise.withResolvers<readonly number[]>();
  await pipeline.accept("test", {
    items: [set(1), item(team, { event: "other", distinct_id: "free" })],
    ack: () => Promise.reject(new Error("not all of it is durable")),
    release: (unfinished) => Promise.resolve(back.resolve(unfinished)),
  });
  await eventually(async () =>
    (await database.query("SELECT FROM posthog_event WHERE event = 'other'")).length === 1
  );
  await pipeline.drain(0, new AbortController().signal);
  assert.deepEqual(await back.promise, [0]);
  letGo.resolve();
  await holding;
});
