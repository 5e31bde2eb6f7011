/** The example plugins, from the commands that the README names to events that they changed. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { StoredPluginApi } from "../../src/plugins/api/plugin_api.ts";
import { Breakers } from "../../src/plugins/breaker/breakers.ts";
import { EgressGateway } from "../../src/plugins/egress/egress_gateway.ts";
import { EgressRefusals } from "../../src/plugins/egress/egress_refusals.ts";
import { PluginGrants } from "../../src/plugins/grants/plugin_grants.ts";
import { PluginHosts } from "../../src/plugins/hosts/plugin_hosts.ts";
import { PluginLogWriter } from "../../src/plugins/logs/plugin_log_writer.ts";
import { SetupFailures } from "../../src/stores/postgres/setup_failures.ts";
import { PluginReportWriter } from "../../src/plugins/logs/plugin_report_writer.ts";
import { PluginRegistry } from "../../src/plugins/registry/plugin_registry.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { PostgresPluginCache } from "../../src/stores/postgres/plugin_cache.ts";
import { PluginStorage } from "../../src/stores/postgres/plugin_storage.ts";
import { pluginEvent, propertiesOf, runChain, TEST_HOST_OPTIONS } from "../plugins/fence.ts";
import { createTestCommands } from "./command_run.ts";

const PROJECT = fileURLToPath(import.meta.resolve("../../"));

/** The plugins of a database, in the real fence. */
async function pluginsOf(database: Database, baseDir = PROJECT) {
  const log = new PluginLogWriter(database, randomUUID());
  const reports = new PluginReportWriter(
    database,
    new SetupFailures(database, randomUUID()),
    () => {},
  );
  const hosts = new PluginHosts({ ...TEST_HOST_OPTIONS, taskTimeoutMs: 30_000 }, {
    log,
    reports,
    api: new StoredPluginApi(new PostgresPluginCache(database), new PluginStorage(database)),
    breakers: new Breakers(null),
    egress: new EgressGateway(() => {}),
    refusals: new EgressRefusals(null),
  });
  const registry = new PluginRegistry(
    { database, grants: new PluginGrants(database), log, reports },
    { baseDir, namedGrants: new Map(), netDefault: "none", isolation: "organization" },
  );
  hosts.apply(await registry.load());
  return {
    hosts,
    async [Symbol.asyncDispose]() {
      await hosts.stop(5_000);
      await reports.close();
      await log.close();
    },
  };
}

Deno.test("the examples do what they say", async () => {
  await using test = await createTestCommands({ BASE_DIR: PROJECT });
  for (const name of ["drop-bots", "hello", "visitor-counter"]) {
    const out = await test.succeed("plugins", "install", `${PROJECT}examples/plugins/${name}`);
    assert.match(out, new RegExp(`read from file:examples/plugins/${name}\\.`));
    assert.doesNotMatch(out, /asks to reach/);
  }
  await test.succeed("plugins", "enable", "Drop bots");
  await test.succeed("plugins", "enable", "Hello", "--config", "greeting=Good morning");
  await test.succeed("plugins", "enable", "Visitor counter");
  const agents = ["Firefox", "Googlebot/2.1", "Firefox", undefined];
  const events = agents.map(($user_agent, index) => ({
    ...pluginEvent(index, { $user_agent }),
    distinct_id: index === 3 ? "bert" : "ann",
    team_id: 1,
  }));
  {
    await using plugins = await pluginsOf(test.database);
    const outcomes = await runChain(plugins.hosts, 1, events);
    assert.deepEqual(
      propertiesOf(outcomes).map((properties) =>
        properties && [properties.greeting, properties.visit_number]
      ),
      [["Good morning", 1], null, ["Good morning", 2], ["Good morning", 1]],
    );
    assert.deepEqual(outcomes[0]?.failed, []);
  }
  const log = await test.succeed("plugins", "logs");
  assert.match(log, /Hello \(2\) {2}greeting with "Good morning"$/m);
  assert.match(log, /Visitor counter \(3\) {2}counts \$pageview; set up 1 times so far$/m);
  const list = await test.succeed("plugins", "list");
  assert.equal(list.match(/team 1 +ok$/gm)?.length, 3, list);
});

Deno.test("drop-bots with dryRun marks what it would drop", async () => {
  await using test = await createTestCommands({ BASE_DIR: PROJECT });
  await test.succeed("plugins", "install", `${PROJECT}examples/plugins/drop-bots`);
  await test.succeed("plugins", "enable", "Drop bots", "--config", "dryRun=yes", "words=robo");
  await using plugins = await pluginsOf(test.database);
  const event = { ...pluginEvent(0, { $user_agent: "RoboCop" }), team_id: 1 };
  const outcomes = await runChain(plugins.hosts, 1, [event]);
  assert.equal(propertiesOf(outcomes)[0]?.is_bot, true);
});

Deno.test("a plugin that fails is named by the list, with its words", async () => {
  await using test = await createTestCommands();
  await Deno.mkdir(`${test.baseDir}/p`);
  await Deno.writeTextFile(`${test.baseDir}/p/plugin.json`, `{"name":"Failing"}`);
  await Deno.writeTextFile(
    `${test.baseDir}/p/index.js`,
    `function processEvent(event) { throw new Error("no \\u001b[31mluck") }`,
  );
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  await test.succeed("plugins", "enable", "Failing");
  {
    await using plugins = await pluginsOf(test.database, test.baseDir);
    const event = { ...pluginEvent(0), team_id: 1 };
    const [outcome] = await runChain(plugins.hosts, 1, [event]);
    assert.deepEqual(outcome?.failed, ["Failing (1)"]);
    assert.equal(outcome?.json, JSON.stringify(event));
  }
  assert.match(await test.succeed("plugins", "list"), /failed: no \\x1b\[31mluck$/m);
  assert.match(
    await test.succeed("plugins", "logs"),
    /ERROR Failing \(1\) {2}\[plugin\] .*no \\x1b\[31mluck/,
  );
});
