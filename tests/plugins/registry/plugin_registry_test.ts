import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { parseNamedGrants, PluginGrants } from "../../../src/plugins/grants/plugin_grants.ts";
import {
  PluginRegistry,
  type PluginRegistryOptions,
} from "../../../src/plugins/registry/plugin_registry.ts";
import { PluginReportWriter } from "../../../src/plugins/logs/plugin_report_writer.ts";
import { SetupFailures } from "../../../src/stores/postgres/setup_failures.ts";
import type { PluginFailure, PluginLogEntry } from "../../../src/plugins/types.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import type { Database } from "../../../src/stores/postgres/database.ts";
import { createFirstProject, createProject } from "../../../src/stores/postgres/first_project.ts";
import { createTestDatabase } from "../../services/database.ts";
import { installPlugin } from "../../services/plugin_rows.ts";
import { zipOf } from "../source/plugin_archives.ts";

const SOURCE = "export const processEvent = (event: unknown) => event";

/** A registry on a database with one project, and what it reported. */
async function registryOn(options: Partial<PluginRegistryOptions> = {}) {
  const test = await createTestDatabase();
  const { database } = test;
  await migrate(database);
  const project = await createFirstProject(database);
  assert.ok(project !== null);
  const log: PluginLogEntry[] = [];
  const failures: [number, PluginFailure][] = [];
  const registry = new PluginRegistry({
    database,
    grants: new PluginGrants(database),
    log: { write: (entry) => log.push(entry) },
    reports: {
      failed: (id, failure) => failures.push([id, failure]),
      loaded: () => {},
      ready: () => {},
      gaveUp: () => {},
    },
  }, {
    baseDir: ".",
    namedGrants: new Map(),
    netDefault: "none",
    isolation: "organization",
    ...options,
  });
  return {
    database,
    registry,
    log,
    failures,
    teamId: project.teamId,
    organizationId: project.organizationId,
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
}

/** Makes the row's updated_at differ, as PostHog does with every save. */
async function touch(database: Database, table: string, id: number, set: string, value: unknown) {
  await database.query(`UPDATE ${table} SET ${set} = $2, updated_at = now() WHERE id = $1`, [
    id,
    value,
  ]);
}

async function pluginOf(database: Database, configId: number): Promise<number> {
  const rows = await database.query<{ plugin_id: number }>(
    "SELECT plugin_id FROM posthog_pluginconfig WHERE id = $1",
    [configId],
  );
  return rows[0]?.plugin_id as number;
}

/** Another organization with one team. */
async function otherOrganization(database: Database, accessLevel: number): Promise<number> {
  const id = randomUUID();
  await database.query(
    `INSERT INTO posthog_organization (
       id, name, slug, created_at, updated_at, plugins_access_level, for_internal_metrics,
       is_member_join_email_enabled, domain_whitelist, available_features,
       setup_section_2_completed, personalization
     ) VALUES ($1, 'Other', $2, now(), now(), $3, false, false, '{}', '{}', true, '{}')`,
    [id, id.slice(0, 48), accessLevel],
  );
  return (await createProject(database, id, "Other")).teamId;
}

Deno.test("enabled configs of permitted organizations, in their order [5.selection]", async () => {
  await using test = await registryOn();
  const { database, registry, teamId } = test;
  const second = await installPlugin(database, { name: "Two", source: SOURCE, teamId, order: 2 });
  const first = await installPlugin(database, { name: "One", source: SOURCE, teamId, order: 1 });
  const disabled = await installPlugin(database, { name: "Off", source: SOURCE, teamId });
  await touch(database, "posthog_pluginconfig", disabled, "enabled", false);
  const barred = await otherOrganization(database, 0);
  await installPlugin(database, { name: "Barred", source: SOURCE, teamId: barred });
  // A config of a team that the plugin does not belong to.
  const other = await otherOrganization(database, 3);
  const foreign = await installPlugin(database, { name: "Foreign", source: SOURCE, teamId });
  await touch(database, "posthog_pluginconfig", foreign, "team_id", other);
  const specs = await registry.load();
  assert.deepEqual(specs.map(({ name, configs }) => [name, configs.map(({ id }) => id)]), [
    ["One", [first]],
    ["Two", [second]],
  ]);
  // As soon as it is global, it is everybody's.
  await touch(database, "posthog_plugin", await pluginOf(database, foreign), "is_global", true);
  const names = (await registry.load()).map((
    { name, digest },
  ) => [name, / - global\)$/.test(digest)]);
  assert.deepEqual(names, [["One", false], ["Two", false], ["Foreign", true]]);
});

Deno.test("configs of two organizations share no process; of one they do, unless it is to be", async () => {
  await using test = await registryOn();
  const { database, registry, teamId, organizationId } = test;
  const mine = await installPlugin(database, { name: "Shared", source: SOURCE, teamId });
  const pluginId = await pluginOf(database, mine);
  await touch(database, "posthog_plugin", pluginId, "is_global", true);
  const sibling = (await createProject(database, organizationId, "Second")).teamId;
  const other = await otherOrganization(database, 3);
  for (const team of [sibling, other]) {
    await database.query(
      `INSERT INTO posthog_pluginconfig (team_id, plugin_id, enabled, "order", config, created_at, updated_at)
       VALUES ($1, $2, true, 1, '{}', now(), now())`,
      [team, pluginId],
    );
  }
  const specs = await registry.load();
  assert.deepEqual(specs.map(({ configs }) => configs.map((config) => config.teamId)), [
    [teamId, sibling],
    [other],
  ]);
  const alone = new PluginRegistry(
    {
      database,
      grants: new PluginGrants(database),
      log: { write: () => {} },
      reports: { failed: () => {}, loaded: () => {}, ready: () => {}, gaveUp: () => {} },
    },
    { baseDir: ".", namedGrants: new Map(), netDefault: "none", isolation: "config" },
  );
  assert.equal((await alone.load()).length, 3);
});

Deno.test("a plugin that cannot be loaded is said once, and the others go on", async () => {
  await using test = await registryOn();
  const { database, registry, teamId, log, failures } = test;
  const broken = await installPlugin(database, { name: "Broken", source: "function (", teamId });
  await installPlugin(database, { name: "Fine", source: SOURCE, teamId });
  const remote = await installPlugin(database, { name: "Remote", source: "", teamId });
  await touch(
    database,
    "posthog_plugin",
    await pluginOf(database, remote),
    "plugin_type",
    "custom",
  );
  const notAnArchive = await installPlugin(database, { name: "Page", source: "", teamId });
  await touch(
    database,
    "posthog_plugin",
    await pluginOf(database, notAnArchive),
    "archive",
    new TextEncoder().encode("<html>"),
  );
  for (let time = 0; time < 2; time++) {
    assert.deepEqual((await registry.load()).map(({ name }) => name), ["Fine"]);
  }
  const messages = new Map(failures.map(([id, { message }]) => [id, message]));
  assert.equal(failures.length, 3);
  assert.match(
    messages.get(broken) ?? "",
    /^plugin Broken ID \d+ \(organization ID .*index\.ts:1:/,
  );
  assert.match(
    messages.get(remote) ?? "",
    /^Tried using undownloaded remote plugin Remote ID \d+ .*, which is not supported!$/,
  );
  assert.match(messages.get(notAnArchive) ?? "", /neither a zip nor a gzipped tar/);
  assert.deepEqual(
    log.map(({ pluginConfigId, source, type }) => [pluginConfigId, source, type]),
    [broken, remote, notAnArchive].map((id) => [id, "SYSTEM", "ERROR"]),
  );
  await touch(database, "posthog_plugin", await pluginOf(database, broken), "source", SOURCE);
  assert.deepEqual((await registry.load()).map(({ name }) => name), ["Broken", "Fine"]);
});

Deno.test("the version changes with the code and the grants, and with nothing else", async () => {
  await using test = await registryOn();
  const { database, registry, teamId } = test;
  const id = await installPlugin(database, { name: "P", source: SOURCE, teamId });
  const pluginId = await pluginOf(database, id);
  const version = async () => (await registry.load())[0]?.version;
  const first = await version();
  await touch(database, "posthog_plugin", pluginId, "description", "new words");
  await touch(database, "posthog_pluginconfig", id, "config", { a: 1 });
  assert.equal(await version(), first);
  await new PluginGrants(database).grant(pluginId, ["api.example.com:443"]);
  const granted = await version();
  assert.notEqual(granted, first);
  await touch(database, "posthog_plugin", pluginId, "source", `${SOURCE} // changed`);
  assert.notEqual(await version(), granted);
});

Deno.test("a local plugin is read again although its row is the same", async () => {
  const base = await Deno.makeTempDir();
  try {
    await using test = await registryOn({ baseDir: base });
    const { database, registry, teamId } = test;
    const id = await installPlugin(database, { name: "Local", source: "", teamId });
    const pluginId = await pluginOf(database, id);
    await touch(database, "posthog_plugin", pluginId, "plugin_type", "local");
    await touch(database, "posthog_plugin", pluginId, "url", "file:plugins/local");
    await Deno.mkdir(`${base}/plugins/local`, { recursive: true });
    assert.deepEqual(await registry.load(), []);
    assert.match(test.failures[0]?.[1].message ?? "", /^Could not load index\.js for plugin Local/);
    await Deno.writeTextFile(`${base}/plugins/local/index.js`, "exports.a = 1");
    const [first] = await registry.load();
    await Deno.writeTextFile(`${base}/plugins/local/index.js`, "exports.a = 2");
    const [second] = await registry.load();
    assert.equal(first?.code.files.get("index.js"), "exports.a = 1");
    assert.equal(second?.code.files.get("index.js"), "exports.a = 2");
    await touch(database, "posthog_plugin", pluginId, "url", "file:../..");
    // The version before goes on, and its log says why.
    const [third] = await registry.load();
    assert.equal(third?.version, second?.version);
    assert.match(
      test.failures.at(-1)?.[1].message ?? "",
      /outside of BASE_DIR.* The version before goes on\.$/,
    );
    await registry.load();
    assert.equal(test.failures.length, 2, "it is said once");
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("what the server itself writes about a plugin makes no new version of it", async () => {
  await using test = await registryOn();
  const { database, registry, teamId } = test;
  const id = await installPlugin(database, { name: "Written about", source: SOURCE, teamId });
  const identity = async () =>
    (await registry.load()).map(({ version, configs }) => [version, configs[0]?.updatedAt]);
  const before = await identity();
  const reports = new PluginReportWriter(
    database,
    new SetupFailures(database, randomUUID()),
    () => {},
  );
  const capabilities = { methods: ["exportEvents"], scheduled_tasks: ["runEveryDay"], jobs: ["a"] };
  reports.loaded(id, await pluginOf(database, id), capabilities, { total: "sum" });
  reports.failed(id, { message: "wrong", time: new Date().toISOString() });
  await reports.flush();
  assert.deepEqual(await identity(), before);
  reports.ready(id);
  await reports.close();
  assert.deepEqual(await identity(), before);
  const [plugin] = await database.query<Record<string, unknown>>(
    "SELECT capabilities, metrics, public_jobs FROM posthog_plugin",
  );
  assert.deepEqual(plugin, {
    capabilities: {
      methods: ["setupPlugin", "teardownPlugin", "exportEvents", "onEvent"],
      scheduled_tasks: ["runEveryDay"],
      jobs: [
        "a",
        "exportEventsWithRetry",
        "exportEventsFromTheBeginning",
        "Export historical events",
      ],
    },
    metrics: { total: "sum" },
    public_jobs: { "Export historical events": {} },
  });
});

Deno.test("grants come from the operator alone; a config with another host has a process of its own", async () => {
  await using test = await registryOn({
    namedGrants: parseNamedGrants("Asks=*.by-setting.example:443"),
  });
  const { database, registry, teamId, organizationId, log } = test;
  const id = await installPlugin(database, {
    name: "Asks",
    source: "",
    teamId,
    config: { host: "https://one.example/path" },
  });
  const pluginId = await pluginOf(database, id);
  const manifest = {
    config: [{ key: "host" }],
    permissions: { net: ["asked.example", "{config.host}"] },
  };
  const archive = zipOf({ "plugin.json": JSON.stringify(manifest), "index.js": "" });
  await touch(database, "posthog_plugin", pluginId, "archive", archive);
  // Asking grants nothing.
  assert.deepEqual((await registry.load())[0]?.grants, ["*.by-setting.example:443"]);
  await new PluginGrants(database).grant(pluginId, ["{config.host}"]);
  const sibling = (await createProject(database, organizationId, "Second")).teamId;
  for (const [team, host] of [[sibling, "two.example"], [sibling, "http://127.0.0.1"]]) {
    await database.query(
      `INSERT INTO posthog_pluginconfig (team_id, plugin_id, enabled, "order", config, created_at, updated_at)
       VALUES ($1, $2, true, 1, $3, now(), now())`,
      [team, pluginId, { host }],
    );
  }
  await registry.load();
  const specs = await registry.load();
  assert.deepEqual(specs.map(({ grants }) => grants), [
    ["*.by-setting.example:443", "one.example:443"],
    ["*.by-setting.example:443", "two.example"],
    ["*.by-setting.example:443"],
  ]);
  assert.equal(new Set(specs.map(({ version }) => version)).size, 3);
  // So is what was asked for and not granted.
  const reminder = log.filter(({ type }) => type === "WARN").map(({ message }) => message);
  assert.equal(
    reminder[0],
    "Plugin asks to reach asked.example, {config.host} and may not. " +
      `To allow it: paddock plugins grant ${pluginId} asked.example '{config.host}'`,
  );
  assert.equal(
    reminder.filter((message) => /reach asked\.example and may/.test(message)).length,
    3,
  );
  // The private address is refused once, with the reason.
  const errors = log.filter(({ type }) => type === "ERROR");
  assert.equal(errors.length, 1);
  assert.match(
    errors[0]?.message ?? "",
    /'\{config\.host\}' is refused: .*127\.0\.0\.1.*not public/,
  );
});

Deno.test("attachments come with their config", async () => {
  await using test = await registryOn();
  const { database, registry, teamId } = test;
  const id = await installPlugin(database, { name: "P", source: SOURCE, teamId });
  await database.query(
    `INSERT INTO posthog_pluginattachment (team_id, plugin_config_id, key, content_type, file_name, file_size, contents)
     VALUES ($1, $2, 'map', 'application/json', 'map.json', 2, $3)`,
    [teamId, id, new TextEncoder().encode("{}")],
  );
  const attachment = (await registry.load())[0]?.configs[0]?.attachments.map;
  assert.equal(attachment?.fileName, "map.json");
  assert.equal(new TextDecoder().decode(attachment?.contents), "{}");
});
