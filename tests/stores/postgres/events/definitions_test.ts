import assert from "node:assert/strict";
import type { Database } from "../../../../src/stores/postgres/database.ts";
import { createTestDatabase } from "../../../services/database.ts";
import { createPipeline, feed, item, prepareDatabase } from "../../../services/pipeline.ts";

const hurry = new AbortController().signal;

async function defined(database: Database) {
  const events = await database.query<{ name: string }>(
    "SELECT name FROM posthog_eventdefinition ORDER BY id",
  );
  const properties = await database.query<{ name: string; numeric: boolean }>(
    "SELECT name, is_numerical AS numeric FROM posthog_propertydefinition ORDER BY id",
  );
  return {
    events: events.map(({ name }) => name),
    properties: properties.map(({ name, numeric }) => `${name}${numeric ? " (number)" : ""}`),
  };
}

Deno.test("definitions: names are defined once, in the order of the properties, numbers marked", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database);
  const purchase = (price: unknown) =>
    item(teamId, {
      event: "purchase",
      $set: { plan: "x" },
      properties: {
        price,
        name: "x",
        utm_source: "u",
        $groups: { company: "acme" },
        $elements: [{ tag_name: "a" }],
        ["long ".repeat(100)]: 1,
        "nul\0": 1,
      },
    }, { ip: "1.2.3.4" });
  await feed(pipeline, [purchase(2.5), purchase("text")]);
  await feed(pipeline, [
    purchase(true),
    item(teamId, { event: "$$plugin_metrics", properties: { m: 1 } }),
  ]);
  await feed(pipeline, [item(teamId, {
    event: "$snapshot",
    properties: { $session_id: "s", $snapshot_data: {}, other: 1 },
  })]);
  assert.deepEqual(await defined(database), {
    events: ["purchase"],
    properties: [
      "price (number)",
      "name",
      "utm_source",
      "$groups",
      "nul\uFFFD (number)",
      "$set",
      "$ip",
    ],
  });
  const volumes = await database.query(
    `SELECT FROM posthog_propertydefinition
     WHERE volume_30_day IS NOT NULL OR query_usage_30_day IS NOT NULL`,
  );
  assert.deepEqual(volumes, []);
  await pipeline.drain(5_000, hurry);
});

Deno.test("definitions: those that are there are kept, and known ones cost no statement", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  await database.query(
    `INSERT INTO posthog_propertydefinition
     VALUES ('00000000-0000-0000-0000-000000000001', 'old', false, 7, 8, $1)`,
    [teamId],
  );
  const pipeline = createPipeline(database);
  const event = () => item(teamId, { event: "e", properties: { old: 5, young: 5 } });
  await feed(pipeline, [event()]);
  const rows = await database.query(
    "SELECT name, is_numerical, volume_30_day FROM posthog_propertydefinition ORDER BY name",
  );
  assert.deepEqual(rows, [
    { name: "old", is_numerical: false, volume_30_day: 7 },
    { name: "young", is_numerical: true, volume_30_day: null },
  ]);
  // Were they written again, the events could not be stored.
  await database.query("ALTER TABLE posthog_propertydefinition RENAME TO away");
  await database.query("ALTER TABLE posthog_eventdefinition RENAME TO away_too");
  await feed(pipeline, [event(), event()]);
  // A definition that cannot be written costs no event.
  await feed(pipeline, [item(teamId, { event: "new name" })]);
  const stored = await database.query<{ count: number }>("SELECT count(*)::int FROM posthog_event");
  assert.equal(stored[0]?.count, 4);
  await pipeline.drain(5_000, hurry);
});

Deno.test("definitions: two servers meet the same new names at once", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const servers = [createPipeline(database), createPipeline(database)];
  await Promise.all(Array.from({ length: 10 }, (_, batch) =>
    feed(
      servers[batch % 2] as typeof servers[0],
      Array.from({ length: 50 }, (_, n) =>
        item(teamId, {
          event: `event ${(n * 7 + batch) % 40}`,
          distinct_id: `visitor ${n}`,
          properties: { [`property ${(n * 3 + batch) % 60}`]: n },
        })),
    )));
  const { events, properties } = await defined(database);
  assert.equal(events.length, 40);
  assert.equal(properties.length, 60);
  for (const server of servers) await server.drain(5_000, hurry);
});

Deno.test("elements: a group of elements is stored once for each team", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database);
  const click = (extra: Record<string, unknown>) =>
    item(teamId, {
      event: "$autocapture",
      properties: {
        $elements: [
          {
            tag_name: "button",
            $el_text: "Buy 🦔",
            attr__class: "cta big",
            attr__id: "go",
            attr__href: "/x",
            "attr__data-x": "7",
            nth_child: 2,
            nth_of_type: "1",
          },
          { tag_name: "form".repeat(400), attr__class: "c".repeat(300), ...extra },
        ],
      },
    });
  // The second has a member that is no element's: the same elements.
  await feed(pipeline, [click({}), click({ unknown: 5 })]);
  await feed(pipeline, [click({})]);
  const groups = await database.query<{ id: number; hash: string }>(
    "SELECT id, hash FROM posthog_elementgroup",
  );
  assert.equal(groups.length, 1);
  const elements = await database.query<Record<string, unknown>>(
    `SELECT text, tag_name, href, attr_id, attr_class, nth_child, nth_of_type, attributes, "order",
       event_id, group_id FROM posthog_element ORDER BY id`,
  );
  assert.equal(elements.length, 2);
  assert.deepEqual(elements[0], {
    text: "Buy 🦔",
    tag_name: "button",
    href: "/x",
    attr_id: "go",
    attr_class: ["big", "cta"],
    nth_child: 2,
    nth_of_type: 1,
    attributes: { attr__class: "cta big", attr__id: "go", attr__href: "/x", "attr__data-x": "7" },
    order: 0,
    event_id: null,
    group_id: groups[0]?.id,
  });
  // The columns are narrower than what a page may hold.
  assert.equal((elements[1]?.tag_name as string).length, 1000);
  assert.deepEqual(elements[1]?.attr_class, ["c".repeat(200)]);
  const events = await database.query<{ hash: string }>(
    "SELECT DISTINCT elements_hash AS hash FROM posthog_event",
  );
  assert.deepEqual(events, [{ hash: groups[0]?.hash }]);
  await pipeline.drain(5_000, hurry);
});

Deno.test("ingested_event: set by the first event, not by recordings or the plugins' counters", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database);
  const isSet = async () =>
    (await database.query<{ ingested_event: boolean }>(
      "SELECT ingested_event FROM posthog_team WHERE id = $1",
      [teamId],
    ))[0]?.ingested_event;
  await feed(pipeline, [
    item(teamId, {
      event: "$snapshot",
      properties: { $session_id: "s", $snapshot_data: {} },
    }),
    item(teamId, { event: "$$plugin_metrics" }),
  ]);
  assert.equal(await isSet(), false);
  await feed(pipeline, [item(teamId, { event: "first" }), item(teamId, { event: "second" })]);
  assert.equal(await isSet(), true);
  await pipeline.drain(5_000, hurry);
});
