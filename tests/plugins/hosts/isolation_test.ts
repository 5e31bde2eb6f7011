/** Which plugin configs share a process, from their rows to the processes. */
import assert from "node:assert/strict";
import { PluginGrants } from "../../../src/plugins/grants/plugin_grants.ts";
import { PluginRegistry } from "../../../src/plugins/registry/plugin_registry.ts";
import type { Database } from "../../../src/stores/postgres/database.ts";
import { createProject } from "../../../src/stores/postgres/first_project.ts";
import { createTestDatabase } from "../../services/database.ts";
import { prepareDatabase } from "../../services/pipeline.ts";
import { installPlugin } from "../../services/plugin_rows.ts";
import { fence, pluginEvent, propertiesOf } from "../fence.ts";

/** Tries to leave something of one config's for another's. */
const SOURCE = `
exports.setupPlugin = ({ config, global }) => { global.host = config.host };
exports.processEvent = (event, { config, global }) => {
  event.properties.host = config.host;
  event.properties.first = global.host;
  event.properties.calls = global.calls = (global.calls ?? 0) + 1;
  config.host = "stolen";
  return event;
}`;

/** Four teams: two of one organisation alike, a third with another grant, one of a stranger's. */
async function installed(database: Database) {
  const first = await prepareDatabase(database);
  const [team] = await database.query<{ organization_id: string }>(
    "SELECT organization_id FROM posthog_team WHERE id = $1",
    [first],
  );
  const organization = team?.organization_id as string;
  const [stranger] = await database.query<{ id: string }>(
    `INSERT INTO posthog_organization
     SELECT (jsonb_populate_record(row, '{"id": "00000000-0000-0000-0000-00000000000f", "slug": "stranger"}')).*
     FROM posthog_organization AS row WHERE id = $1 RETURNING id`,
    [organization],
  );
  const teams = [
    first,
    (await createProject(database, organization, "Two")).teamId,
    (await createProject(database, organization, "Three")).teamId,
    (await createProject(database, stranger?.id as string, "Four")).teamId,
  ];
  const config = { host: "a.example.com" };
  await installPlugin(database, { name: "Shared", source: SOURCE, teamId: first, config });
  const [plugin] = await database.query<{ id: number }>(
    "UPDATE posthog_plugin SET is_global = true RETURNING id",
  );
  const pluginId = plugin?.id as number;
  for (const [index, teamId] of teams.entries()) {
    if (index === 0) continue;
    await database.query(
      `INSERT INTO posthog_pluginconfig
         (team_id, plugin_id, enabled, "order", config, created_at, updated_at)
       VALUES ($1, $2, true, 1, $3, now(), now())`,
      [teamId, pluginId, { host: index === 2 ? "b.example.com" : "a.example.com" }],
    );
  }
  await new PluginGrants(database).grant(pluginId, ["{config.host}"]);
  return teams;
}

for (
  const [isolation, expected] of [
    ["organization", [[0, 1], [2], [3]]],
    ["config", [[0], [1], [2], [3]]],
  ] as const
) {
  Deno.test(`PLUGIN_ISOLATION=${isolation}: who shares a process, and nobody a config`, async () => {
    await using test = await createTestDatabase();
    const teams = await installed(test.database);
    const registry = new PluginRegistry(
      {
        database: test.database,
        grants: new PluginGrants(test.database),
        log: { write: () => {} },
        reports: { failed: () => {}, loaded: () => {}, ready: () => {}, gaveUp: () => {} },
      },
      { baseDir: ".", namedGrants: new Map(), netDefault: "none", isolation },
    );
    await using fenced = fence([]);
    fenced.hosts.apply(await registry.load());
    for (let round = 1; round <= 2; round++) {
      const properties = await Promise.all(
        teams.map(async (team) => propertiesOf(await fenced.run([pluginEvent(0)], team))[0]),
      );
      const hosts = ["a", "a", "b", "a"].map((name) => `${name}.example.com`);
      assert.deepEqual(properties.map((each) => each?.first), hosts);
      assert.deepEqual(properties.map((each) => each?.calls), [round, round, round, round]);
      // What a plugin does to its config it does to its own copy.
      assert.deepEqual(
        properties.map((each) => each?.host),
        round === 1 ? hosts : hosts.map(() => "stolen"),
      );
    }
    const shared = fenced.hosts.hosts.map(({ spec }) =>
      spec.configs.map(({ teamId }) => teams.indexOf(teamId)).toSorted()
    );
    assert.deepEqual(shared.toSorted(), expected);
    const pids = fenced.hosts.hosts.flatMap(({ pids }) => pids);
    assert.equal(new Set(pids).size, expected.length);
    for (const { spec } of fenced.hosts.hosts) {
      const reach = spec.configs.some(({ config }) => config.host === "b.example.com") ? "b" : "a";
      assert.deepEqual(spec.grants, [`${reach}.example.com`]);
    }
  });
}
