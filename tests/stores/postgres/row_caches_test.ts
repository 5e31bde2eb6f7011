/** Rows of the application that are kept for half a minute: what it changes is seen after that. */
import assert from "node:assert/strict";
import { GroupTypes } from "../../../src/stores/postgres/group_types.ts";
import type { Queryable } from "../../../src/stores/postgres/database.ts";
import type { PreparedEvent } from "../../../src/events/prepared_event.ts";
import { Organizations } from "../../../src/stores/postgres/organizations.ts";
import { Teams } from "../../../src/stores/postgres/teams.ts";
import { createTestDatabase } from "../../services/database.ts";
import { prepareDatabase } from "../../services/pipeline.ts";

/** A clock that goes on by itself and can be set forward. */
class Clock implements Disposable {
  readonly #now = performance.now;
  #ahead = 0;

  constructor() {
    performance.now = () => this.#now.call(performance) + this.#ahead;
  }

  forward(seconds: number): void {
    this.#ahead += seconds * 1_000;
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
  }
}

/** The database, and how many statements went to it. */
class Counted implements Queryable {
  statements = 0;
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  query: Queryable["query"] = (statement, values) => {
    this.statements++;
    return this.#database.query(statement, values);
  };
}

/** What is cached answers at once; a cache looks at the clock once a millisecond. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 20));

Deno.test("a team is fetched and cached; a change is seen after 30 s with one query", async () => {
  await using test = await createTestDatabase();
  const teamId = await prepareDatabase(test.database);
  using clock = new Clock();
  const counted = new Counted(test.database);
  const teams = new Teams(counted);
  const anonymizes = async () => {
    await aMoment();
    return (await teams.byIds([teamId])).get(teamId)?.anonymizeIps;
  };
  assert.equal(await anonymizes(), false);
  await test.database.query("UPDATE posthog_team SET anonymize_ips = true");
  clock.forward(20);
  assert.equal(await anonymizes(), false);
  assert.equal(counted.statements, 1);
  clock.forward(11);
  assert.equal(await anonymizes(), true);
  assert.equal(await anonymizes(), true);
  assert.equal(counted.statements, 2);
});

Deno.test("a team that there is not is absent, and looked for again soon", async () => {
  await using test = await createTestDatabase();
  const teamId = await prepareDatabase(test.database);
  using clock = new Clock();
  const counted = new Counted(test.database);
  const teams = new Teams(counted);
  const ids = async () => [...(await teams.byIds([teamId + 1, -1, 2 ** 40])).keys()];
  assert.deepEqual(await ids(), []);
  assert.deepEqual(await ids(), []);
  assert.equal(counted.statements, 1);
  await test.database.query("UPDATE posthog_team SET id = id + 1");
  clock.forward(3);
  await aMoment();
  assert.deepEqual(await ids(), [teamId + 1]);
});

Deno.test("an organization is fetched and cached; a change is seen after 30 s with one query", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const [team] = await database.query<{ organizationId: string }>(
    `SELECT organization_id AS "organizationId" FROM posthog_team WHERE id = $1`,
    [teamId],
  );
  const id = team?.organizationId as string;
  await database.query(
    "UPDATE posthog_organization SET name = 'old', available_features = '{zapier}'",
  );
  using clock = new Clock();
  const counted = new Counted(database);
  const organizations = new Organizations();
  const cached = async () => {
    await aMoment();
    return (await organizations.byIds(counted, [id])).get(id);
  };
  const before = { id, name: "old", availableFeatures: ["zapier"] };
  assert.deepEqual(await cached(), before);
  // Databases of earlier versions may hold no list.
  await database.query(
    "ALTER TABLE posthog_organization ALTER COLUMN available_features DROP NOT NULL",
  );
  await database.query("UPDATE posthog_organization SET name = 'new', available_features = NULL");
  clock.forward(20);
  assert.deepEqual(await cached(), before);
  assert.equal(counted.statements, 1);
  clock.forward(11);
  assert.deepEqual(await cached(), { id, name: "new", availableFeatures: [] });
  assert.deepEqual(await cached(), { id, name: "new", availableFeatures: [] });
  assert.equal(counted.statements, 2);
});

Deno.test("an organization that there is not is absent, and looked for again soon", async () => {
  await using test = await createTestDatabase();
  await prepareDatabase(test.database);
  using clock = new Clock();
  const counted = new Counted(test.database);
  const organizations = new Organizations();
  const id = crypto.randomUUID();
  const ids = async () => [...(await organizations.byIds(counted, [id])).keys()];
  assert.deepEqual(await ids(), []);
  assert.deepEqual(await ids(), []);
  assert.equal(counted.statements, 1);
  await test.database.transaction(async (tx) => {
    await tx.query("UPDATE posthog_organization SET id = $1", [id]);
    await tx.query("UPDATE posthog_team SET organization_id = $1", [id]);
    await tx.query("UPDATE posthog_organizationmembership SET organization_id = $1", [id]);
  });
  clock.forward(3);
  await aMoment();
  assert.deepEqual(await ids(), [id]);
  assert.equal(counted.statements, 2);
});

Deno.test("group types are cached for 30 s; one that another server made meanwhile is its", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  using clock = new Clock();
  const counted = new Counted(database);
  const types = new GroupTypes(counted);
  const indexOf = async (type: string) => {
    await aMoment();
    const groups = { memberships: [{ type, key: "k" }], identified: null };
    return (await types.indexes([{ teamId, groups } as unknown as PreparedEvent]))(teamId, type);
  };
  assert.equal(await indexOf("company"), 0);
  const { statements } = counted;
  clock.forward(20);
  assert.equal(await indexOf("company"), 0);
  assert.equal(counted.statements, statements);
  clock.forward(11);
  assert.equal(await indexOf("company"), 0);
  assert.equal(counted.statements, statements + 1);
  // Behind this server's back.
  await database.query(
    `INSERT INTO posthog_grouptypemapping (team_id, group_type, group_type_index)
     VALUES ($1, 'project', 1)`,
    [teamId],
  );
  assert.equal(await indexOf("project"), 1);
  await database.query(
    `INSERT INTO posthog_grouptypemapping (team_id, group_type, group_type_index)
     VALUES ($1, 'taken', 2)`,
    [teamId],
  );
  assert.equal(await indexOf("next"), 3);
  assert.equal(await indexOf("last"), 4);
  assert.equal(await indexOf("sixth"), null);
});
