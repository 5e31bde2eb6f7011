import assert from "node:assert/strict";
import type { Database } from "../../../../src/stores/postgres/database.ts";
import { createTestDatabase } from "../../../services/database.ts";
import { createPipeline, feed, item, prepareDatabase } from "../../../services/pipeline.ts";

async function typesOf(database: Database, teamId: number) {
  const rows = await database.query<{ type: string; index: number }>(
    `SELECT group_type AS type, group_type_index AS index FROM posthog_grouptypemapping
     WHERE team_id = $1 ORDER BY 2`,
    [teamId],
  );
  return rows.map(({ type, index }) => `${index} ${type}`);
}

async function propertiesOf(database: Database): Promise<Record<string, unknown>[]> {
  const rows = await database.query<{ properties: Record<string, unknown> }>(
    "SELECT properties FROM posthog_event ORDER BY id",
  );
  return rows.map(({ properties }) => properties);
}

Deno.test("groups: types get indexes up to five, events their group properties", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database);
  await feed(pipeline, [
    item(teamId, { event: "a", properties: { $groups: { company: "acme", toJSON: "c" } } }),
    item(teamId, { event: "b", properties: { $groups: { project: 5, company: "other" } } }),
  ]);
  await feed(pipeline, [
    item(teamId, {
      event: "c",
      properties: { $groups: { four: "4", five: "5", six: "6", company: "x" } },
    }),
  ]);
  assert.deepEqual(await typesOf(database, teamId), [
    "0 company",
    "1 toJSON",
    "2 project",
    "3 four",
    "4 five",
  ]);
  const expected: Record<string, unknown>[] = [
    { $groups: { company: "acme", toJSON: "c" }, $group_0: "acme", $group_1: "c" },
    { $groups: { project: 5, company: "other" }, $group_0: "other", $group_2: 5 },
    {
      $groups: { four: "4", five: "5", six: "6", company: "x" },
      $group_0: "x",
      $group_3: "4",
      $group_4: "5",
    },
  ];
  assert.deepEqual(await propertiesOf(database), expected);
  await pipeline.drain(5_000, new AbortController().signal);
});

Deno.test("groups: two servers give out indexes at once, each type gets one", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const servers = [createPipeline(database), createPipeline(database)];
  await Promise.all(servers.map((server, serial) =>
    feed(
      server,
      ["a", "b", "c", "d", "e", "f"].map((_, index) =>
        item(teamId, {
          event: "e",
          properties: { $groups: { [`type ${(index + serial * 3) % 6}`]: "key" } },
        })
      ),
    )
  ));
  const types = await typesOf(database, teamId);
  assert.equal(types.length, 5);
  assert.equal(new Set(types.map((type) => type.slice(2))).size, 5);
  // Whatever the order was, each event has the index that its type has in the end.
  const byType = new Map(types.map((type) => [type.slice(2), Number(type[0])]));
  for (const properties of await propertiesOf(database)) {
    const type = Object.keys(properties.$groups as object)[0] as string;
    const index = byType.get(type);
    const own = Object.keys(properties).filter((key) => key.startsWith("$group_"));
    assert.deepEqual(own, index === undefined ? [] : [`$group_${index}`], type);
  }
  for (const server of servers) await server.drain(5_000, new AbortController().signal);
});

Deno.test("groupidentify: the group's row is replaced, its event stored, no person changed", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const pipeline = createPipeline(database);
  const identify = (key: unknown, set: unknown) =>
    item(teamId, {
      event: "$groupidentify",
      properties: { $group_type: "org", $group_key: key, $group_set: set, $set: { nobody: 1 } },
    });
  await feed(pipeline, [identify("K", { f: 1, g: 1 }), identify("K", { f: 2 }), identify("L", 5)]);
  await feed(pipeline, [identify("K", { h: 3 })]);
  const groups = await database.query(
    `SELECT group_key AS key, group_type_index AS index, group_properties AS properties,
       version::int FROM posthog_group ORDER BY 1`,
  );
  assert.deepEqual(groups, [
    { key: "K", index: 0, properties: { h: 3 }, version: 2 },
    { key: "L", index: 0, properties: {}, version: 1 },
  ]);
  assert.equal((await propertiesOf(database)).length, 4);
  const people = await database.query("SELECT properties FROM posthog_person");
  assert.deepEqual(people, [{ properties: {} }]);
  // Early deployments have no such table: the event and the type are stored all the same.
  await database.query("DROP TABLE posthog_group");
  const other = createPipeline(database);
  await feed(other, [identify("M", {})]);
  assert.equal((await propertiesOf(database)).length, 5);
  for (const each of [pipeline, other]) await each.drain(5_000, new AbortController().signal);
});
