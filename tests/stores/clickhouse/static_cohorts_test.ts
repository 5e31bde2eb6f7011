import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { ClickHouse } from "../../../src/stores/clickhouse/client.ts";
import { migrateClickHouse } from "../../../src/stores/clickhouse/migrate.ts";
import { StaticCohorts } from "../../../src/stores/clickhouse/static_cohorts.ts";
import { createAction } from "../../services/actions.ts";
import { createTestClickHouse } from "../../services/clickhouse_database.ts";
import { createTestDatabase } from "../../services/database.ts";
import { freePort } from "../../services/free_port.ts";
import { demandService } from "../../services/on_demand.ts";
import { createPipeline, feed, item, prepareDatabase } from "../../services/pipeline.ts";
import { matchedRows, watchingActions } from "../../services/watching_actions.ts";

Deno.test("a static cohort of ClickHouse makes an action match; a miss is looked up in Postgres [60]", async () => {
  await using click = await createTestClickHouse();
  const { clickhouse, database: name } = click;
  const brokers = await demandService("kafka");
  await migrateClickHouse(clickhouse, {
    database: name,
    brokers,
    topicPrefix: `${name}-`,
    flushMs: 0,
  });
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const [uploaded, counted] = (await database.query<{ id: number }>(
    `INSERT INTO posthog_cohort (
       team_id, deleted, groups, is_calculating, errors_calculating, is_static
     ) SELECT $1, false, '[]', false, 0, n = 1 FROM generate_series(1, 2) AS n RETURNING id`,
    [teamId],
  )).map(({ id }) => id);
  const members = (value: unknown) => ({
    steps: [{ properties: [{ type: "cohort", key: "id", value }] }],
  });
  await createAction(database, teamId, { name: "uploaded", ...members(uploaded) });
  await createAction(database, teamId, { name: "counted", ...members(counted) });
  const people = ["in both", "in ClickHouse", "in Postgres", "of another team", "in none"];
  await feed(
    createPipeline(database),
    people.map((id) => item(teamId, { event: "earlier", distinct_id: id })),
  );
  const uuids = new Map(
    (await database.query<{ id: string; uuid: string }>(
      `SELECT distinct_id AS id, uuid FROM posthog_person AS person
       JOIN posthog_persondistinctid AS held ON held.person_id = person.id`,
    )).map(({ id, uuid }) => [id, uuid]),
  );
  const row = (id: string, team = teamId) =>
    `('${randomUUID()}', '${uuids.get(id)}', ${uploaded}, ${team}, now(), 0)`;
  await clickhouse.command(
    `INSERT INTO person_static_cohort VALUES ${[
      row("in both"),
      row("in both"),
      row("in ClickHouse"),
      row("of another team", teamId + 1),
    ]}`,
  );
  await database.query(
    `INSERT INTO posthog_cohortpeople (cohort_id, person_id)
     SELECT $1, person_id FROM posthog_persondistinctid
     WHERE distinct_id IN ('in both', 'in Postgres')`,
    [counted],
  );
  const cohorts = new StaticCohorts(clickhouse);
  const pipeline = await watchingActions(database, cohorts);
  await feed(pipeline, people.map((id) => item(teamId, { event: id, distinct_id: id })));
  assert.deepEqual(await matchedRows(database), [
    "in both: uploaded",
    "in both: counted",
    "in ClickHouse: uploaded",
    "in Postgres: counted",
  ]);

  // More people than fit into an address.
  const personUuids = [...uuids.values(), ...Array.from({ length: 3_000 }, () => randomUUID())];
  const asked = { teamIds: [teamId], cohortIds: [uploaded as number], personUuids };
  assert.deepEqual(
    new Set((await cohorts.membersOf(asked)).map(({ personUuid }) => personUuid)),
    new Set([uuids.get("in both"), uuids.get("in ClickHouse")]),
  );
});

Deno.test("without ClickHouse its cohorts count as empty, and no event waits", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  await createAction(database, teamId, {
    name: "somebody",
    steps: [{ properties: [{ type: "cohort", key: "id", value: 1 }] }, { event: "any" }],
  });
  const away = new ClickHouse({
    url: `http://127.0.0.1:${freePort()}`,
    database: "default",
    user: "default",
    password: "",
    ca: null,
  });
  const pipeline = await watchingActions(database, new StaticCohorts(away));
  await feed(pipeline, [item(teamId, { event: "any" }), item(teamId, { event: "other" })]);
  assert.deepEqual(await matchedRows(database), ["any: somebody"]);
  await away.close();
});
