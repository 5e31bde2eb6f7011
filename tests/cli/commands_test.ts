import assert from "node:assert/strict";
import { BreakerTable } from "../../src/plugins/breaker/breaker_table.ts";
import { randomUUID } from "node:crypto";
import { PluginGrants } from "../../src/plugins/grants/plugin_grants.ts";
import { RELOAD_CHANNEL } from "../../src/plugins/registry/reloader.ts";
import { DeadLetters } from "../../src/stores/postgres/dead_letters.ts";
import { PostgresPubSub } from "../../src/stores/postgres/pubsub.ts";
import { RedisPubSub } from "../../src/stores/redis/pubsub.ts";
import { serviceAddress } from "../services/database.ts";
import { tgzOf, zipOf } from "../plugins/source/plugin_archives.ts";
import { createTestCommands, writePlugin } from "./command_run.ts";

const MANIFEST = {
  name: "Exporter",
  description: "Exports.",
  config: [
    { markdown: "A text between the fields" },
    { key: "host", type: "string", required: true },
    { key: "region", type: "choice", choices: ["eu", "us"], default: "eu" },
    { key: "token", type: "attachment", required: true },
    { key: "rules", type: "json" },
  ],
  permissions: { net: ["api.example.com:443", "{config.host}"] },
};

const FILES = {
  "plugin.json": JSON.stringify(MANIFEST),
  "index.ts": `import { n } from "./lib/n"; export const processEvent = () => n as never;`,
  "lib/n.ts": "export const n: null = null;",
};

Deno.test("a folder below BASE_DIR is installed where it is; any other is copied", async () => {
  await using test = await createTestCommands();
  await writePlugin(`${test.baseDir}/plugins/exporter`, FILES);
  const out = await test.succeed("plugins", "install", `${test.baseDir}/plugins/exporter`);
  assert.match(out, /^Installed 'Exporter' \(plugin 1\), read from file:plugins\/exporter\.$/m);
  assert.match(out, /asks to reach api\.example\.com:443, \{config\.host\}, and cannot before/);
  assert.match(out, /paddock plugins grant 1 api\.example\.com:443 '\{config\.host\}'/);
  assert.match(out, /enable Exporter --config 'host=<value>' --config 'token=@<file>'$/m);
  const elsewhere = await Deno.makeTempDir();
  try {
    await writePlugin(elsewhere, { ...FILES, "plugin.json": `{"name":"Copied"}` });
    assert.match(
      await test.succeed("plugins", "install", elsewhere),
      /^Installed 'Copied' \(plugin 2\)\.$/m,
    );
  } finally {
    await Deno.remove(elsewhere, { recursive: true });
  }
  // The folder is gone, and the plugin still there to be built.
  const [row] = JSON.parse(await test.succeed("plugins", "grants", "Copied", "--json"));
  assert.deepEqual(row, {
    id: 2,
    name: "Copied",
    requested: [],
    granted: [],
    grantedBySetting: [],
    refused: [],
  });
  const rows = await test.database.query(
    `SELECT plugin_type, url, archive IS NOT NULL AS archive, config_schema FROM posthog_plugin ORDER BY id`,
  );
  assert.deepEqual(rows, [
    {
      plugin_type: "local",
      url: "file:plugins/exporter",
      archive: false,
      config_schema: MANIFEST.config,
    },
    { plugin_type: "custom", url: null, archive: true, config_schema: [] },
  ]);
});

Deno.test("archives are installed; the same name again is an update that keeps configs", async () => {
  await using test = await createTestCommands();
  const { baseDir } = test;
  await Deno.writeFile(
    `${baseDir}/p.zip`,
    zipOf({ "p/plugin.json": `{"name":"P"}`, "p/index.js": "1" }),
  );
  await Deno.writeFile(
    `${baseDir}/p.tgz`,
    await tgzOf({
      "p/plugin.json": `{"name":"P","publicJobs":{"Clear":{"all":{"type":"boolean"}}}}`,
      "p/index.js": "2",
    }),
  );
  await test.succeed("plugins", "install", `${baseDir}/p.zip`);
  await test.succeed("plugins", "enable", "p");
  assert.match(
    await test.succeed("plugins", "install", `${baseDir}/p.tgz`),
    /^Updated 'P' \(plugin 1\)/,
  );
  assert.match(await test.succeed("plugins", "list"), /^1 +P +custom +team 1 +ok$/m);
  assert.deepEqual(await test.database.query("SELECT public_jobs FROM posthog_plugin"), [
    { public_jobs: { Clear: { all: { type: "boolean" } } } },
  ]);
});

Deno.test("what cannot run is not installed, and the reason is said", async () => {
  await using test = await createTestCommands();
  const { baseDir } = test;
  const attempts: [string, Record<string, string> | Uint8Array, number, RegExp][] = [
    ["page.zip", new TextEncoder().encode("<html>"), 1, /neither a zip nor a gzipped tar/],
    ["out.zip", zipOf({ "plugin.json": `{"name":"P"}`, "../x.js": "" }), 1, /leads out of it/],
    ["a", { "plugin.json": "{" }, 1, /Can not load plugin\.json for/],
    ["b", { "plugin.json": `{"name":"P"}` }, 1, /Could not load index\.js for/],
    [
      "c",
      { "plugin.json": `{"name":"P","main":"x.js"}`, "index.js": "" },
      1,
      /Could not load x\.js/,
    ],
    ["d", { "plugin.json": `{"name":"P"}`, "index.js": "}" }, 1, /index\.js:1:/],
    ["e", { "index.js": "1" }, 1, /plugin\.json has no 'name', or is not there/],
    [
      "f",
      { "plugin.json": `{"name":"P","permissions":{"net":["*"]}}`, "index.js": "" },
      1,
      /every host/,
    ],
    ["g", { "plugin.json": `{"name":"${"n".repeat(201)}"}`, "index.js": "" }, 1, /201 characters/],
  ];
  for (const [name, content, code, reason] of attempts) {
    const path = `${baseDir}/${name}`;
    if (content instanceof Uint8Array) await Deno.writeFile(path, content);
    else await writePlugin(path, content);
    const result = await test.run("plugins", "install", path);
    assert.equal(result.code, code, name);
    assert.match(result.err, reason);
  }
  const missing = await test.run("plugins", "install", `${baseDir}/nowhere`);
  assert.equal(missing.code, 2);
  assert.match(missing.err, /there is no folder or file/);
  assert.deepEqual(await test.database.query("SELECT * FROM posthog_plugin"), []);
});

Deno.test("enable checks the config, fills defaults in, and keeps what was there", async () => {
  await using test = await createTestCommands();
  await writePlugin(`${test.baseDir}/p`, FILES);
  await Deno.writeTextFile(`${test.baseDir}/token.json`, "{}");
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  const refused: [string[], RegExp][] = [
    [[], /needs --config 'host=<value>' --config 'token=@<file>'/],
    [["--config", "host"], /'host' is not key=value/],
    [["--config", "hst=a"], /no setting 'hst', but: host, region, token, rules/],
    [["--config", "host=a", "region=asia"], /'region' is one of eu, us, not 'asia'/],
    [["--config", "token=abc"], /'token' is a file: --config token=@path/],
    [["--config", "token=@nowhere"], /'nowhere' cannot be read/],
    [["--config", "rules={"], /'rules' is not JSON/],
    [["--config", "host=localhost"], /'host': .*'\{config\.host\}' is refused.*names this machine/],
    [["--config", "host=10.1.2.3"], /'host': .*the address is not public/],
    [["--config", "host=a=b"], /'host': .*it is no host name/],
    [["--team", "77"], /no team 77; there are 1 \(My project\)/],
    [["--team", "x"], /--team: 'x' is not a whole number/],
    [["--nope"], /unknown option '--nope'/],
  ];
  for (const [argv, reason] of refused) {
    const { code, err } = await test.run("plugins", "enable", "Exporter", ...argv);
    assert.equal(code, 2, argv.join(" "));
    assert.match(err, reason);
  }
  assert.deepEqual(await test.database.query("SELECT * FROM posthog_pluginconfig"), []);
  const out = await test.succeed(
    ...["plugins", "enable", "exporter", "--order", "7"],
    ...[
      "--config",
      'rules=["a=b"]',
      "host=a.example.com",
      "--config",
      `token=@${test.baseDir}/token.json`,
    ],
  );
  assert.match(out, /^Enabled 'Exporter' for team 1 \(My project\), plugin config 1\.$/m);
  assert.match(out, /asks to reach api\.example\.com:443, \{config\.host\}/);
  const read = async () => {
    const [row] = await test.database.query<Record<string, unknown>>(
      `SELECT enabled, "order", config, updated_at::text FROM posthog_pluginconfig`,
    );
    return row as Record<string, unknown>;
  };
  const first = await read();
  assert.deepEqual(first.config, { host: "a.example.com", region: "eu", rules: ["a=b"] });
  assert.deepEqual([first.enabled, first.order], [true, 7]);
  assert.equal(await test.succeed("plugins", "disable", "1"), "Disabled 'Exporter' for one team.");
  assert.equal((await read()).enabled, false);
  assert.equal(await test.succeed("plugins", "disable", "1"), "'Exporter' was not enabled.");
  await test.succeed("plugins", "enable", "1", "--config", "region=us");
  const second = await read();
  assert.deepEqual(second.config, { host: "a.example.com", region: "us", rules: ["a=b"] });
  assert.deepEqual([second.enabled, second.order], [true, 7]);
  assert.notEqual(second.updated_at, first.updated_at);
  const files = await test.database.query(
    "SELECT key, file_name, file_size FROM posthog_pluginattachment",
  );
  assert.deepEqual(files, [{ key: "token", file_name: "token.json", file_size: 2 }]);
  // A config may hold secrets.
  assert.doesNotMatch(await test.succeed("plugins", "list", "--json"), /a=b|a\.example/);
});

Deno.test("a config that the server would never pick up is refused", async () => {
  await using test = await createTestCommands();
  await writePlugin(`${test.baseDir}/p`, { "plugin.json": `{"name":"P"}`, "index.js": "" });
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  await test.database.query("UPDATE posthog_organization SET plugins_access_level = 0");
  const barred = await test.run("plugins", "enable", "P");
  assert.deepEqual([barred.code, /may not use plugins/.test(barred.err)], [2, true]);
  await test.database.query("UPDATE posthog_organization SET plugins_access_level = 9");
  await test.database.query(
    `INSERT INTO posthog_organization SELECT $1, name, 'other', created_at, updated_at, 9, false, false, '{}', '{}', true, '{}' FROM posthog_organization`,
    [randomUUID()],
  );
  await test.database.query(
    "UPDATE posthog_plugin SET organization_id = (SELECT id FROM posthog_organization WHERE slug = 'other')",
  );
  const foreign = await test.run("plugins", "enable", "P");
  assert.deepEqual([foreign.code, /another organization/.test(foreign.err)], [2, true]);
});

Deno.test("hosts are granted, shown and taken away", async () => {
  await using test = await createTestCommands({ PLUGIN_NET_GRANTS: "Exporter=by-setting.example" });
  await writePlugin(`${test.baseDir}/p`, FILES);
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  for (const host of ["*", "http://a.com", "a.com:99999", "localhost", "a.com,b.com"]) {
    const { code, err } = await test.run("plugins", "grant", "Exporter", host);
    assert.equal(code, 2, host);
    assert.match(err, /is refused: /);
  }
  assert.equal((await test.run("plugins", "grant", "Exporter")).code, 2);
  await test.succeed("plugins", "grant", "Exporter", "10.0.0.5:8080", "--requested");
  const grants = new PluginGrants(test.database);
  assert.deepEqual((await grants.all()).get(1), [
    "10.0.0.5:8080",
    "api.example.com:443",
    "{config.host}",
  ]);
  await test.succeed("plugins", "revoke", "Exporter", "10.0.0.5:8080", "{config.host}");
  const never = await test.run("plugins", "revoke", "Exporter", "by-setting.example");
  assert.deepEqual([never.code, /PLUGIN_NET_GRANTS/.test(never.err)], [2, true]);
  assert.match(
    await test.succeed("plugins", "grants"),
    /^1 +Exporter +api\.example\.com:443 \{config\.host\} +api\.example\.com:443 +by-setting\.example +-$/m,
  );
});

Deno.test("uninstalling takes everything along, but not while it is enabled", async () => {
  await using test = await createTestCommands();
  await writePlugin(`${test.baseDir}/p`, { "plugin.json": `{"name":"P"}`, "index.js": "" });
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  await test.succeed("plugins", "enable", "P");
  await test.succeed("plugins", "grant", "P", "a.example");
  await test.database.query(
    "INSERT INTO posthog_pluginstorage (plugin_config_id, key, value) VALUES (1, 'k', '1')",
  );
  await test.database.query(
    `INSERT INTO posthog_pluginlogentry VALUES ($1, 1, 1, 1, now(), 'CONSOLE', 'LOG', 'x', $1)`,
    [randomUUID()],
  );
  const refused = await test.run("plugins", "uninstall", "P");
  assert.deepEqual([refused.code, /enabled for team 1/.test(refused.err)], [2, true]);
  await test.succeed("plugins", "uninstall", "P", "--force");
  for (
    const table of [
      "posthog_plugin",
      "posthog_pluginconfig",
      "posthog_pluginstorage",
      "posthog_pluginlogentry",
      "paddock.plugin_grant",
    ]
  ) assert.deepEqual(await test.database.query(`SELECT * FROM ${table}`), [], table);
  const gone = await test.run("plugins", "enable", "P");
  assert.match(gone.err, /there is no plugin 'P'; none is installed/);
});

Deno.test("a change is announced to running servers, on Postgres and on Redis", async () => {
  const redisUrl = serviceAddress("PADDOCK_TEST_REDIS_URL");
  const channel = `test-reload-${randomUUID()}`;
  await using test = await createTestCommands({
    REDIS_URL: redisUrl,
    PLUGINS_RELOAD_PUBSUB_CHANNEL: channel,
  });
  await writePlugin(`${test.baseDir}/p`, { "plugin.json": `{"name":"P"}`, "index.js": "" });
  const postgres = new PostgresPubSub(test.database);
  const redis = new RedisPubSub(redisUrl);
  try {
    const heard = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await postgres.subscribe(RELOAD_CHANNEL, () => heard[0]?.resolve());
    await redis.subscribe(channel, () => heard[1]?.resolve());
    await test.succeed("plugins", "install", `${test.baseDir}/p`);
    await Promise.all(heard.map(({ promise }) => promise));
  } finally {
    await postgres.close();
    await redis.close();
  }
});

Deno.test("events, teams, logs and dead letters are shown, their control characters disarmed", async () => {
  await using test = await createTestCommands();
  assert.equal(await test.succeed("events"), "No events are stored yet.");
  assert.equal(await test.succeed("dead-letters"), "There are no dead letters.");
  assert.equal(await test.succeed("plugins", "logs"), "No plugin has written a line yet.");
  const [team] = JSON.parse(await test.succeed("teams", "list", "--json"));
  assert.match(
    await test.succeed("teams"),
    new RegExp(`^1 +My project +My organization +${team.apiToken}$`, "m"),
  );
  const { database } = test;
  for (let number = 1; number <= 12; number++) {
    await database.query(
      `INSERT INTO posthog_event (event, distinct_id, properties, "timestamp", team_id)
       VALUES ($1, 'ann', $2, '2021-10-28T12:00:00Z', 1)`,
      [`event ${number}\u001b[2J`, { number, long: "x".repeat(5_000) }],
    );
  }
  const shown = await test.succeed("events", "-n", "2", "--team", "1");
  assert.match(shown, /^2021-10-28 12:00:00 {2}team 1 {2}event 11\\x1b\[2J {2}by ann$/m);
  assert.match(shown, /^ {4}number: 12$/m);
  // deno-lint-ignore no-control-regex -- what must not be there
  assert.doesNotMatch(shown, /\u001b|event 10/);
  assert.equal(JSON.parse(await test.succeed("events", "--json")).length, 10);
  assert.equal(await test.succeed("events", "--team", "2"), "No events are stored yet.");

  await new DeadLetters().append(database, [{
    kind: "event",
    source: "http",
    teamId: 1,
    eventUuid: null,
    event: "bad",
    distinctId: null,
    step: "decode",
    pluginConfigId: null,
    code: "PDK_EVENT_INVALID",
    reason: "no distinct id",
    attempts: 1,
    payload: `{"event":"bad"}`,
  }]);
  assert.match(
    await test.succeed("dead-letters"),
    /^1 .*http +decode +1 +PDK_EVENT_INVALID +no distinct id$/m,
  );
  assert.match(await test.succeed("dead-letters", "show", "1"), /payload:\n\{"event":"bad"\}$/);
  assert.equal((await test.run("dead-letters", "show", "2")).code, 2);
  assert.equal((await test.run("dead-letters", "show", "x; DROP TABLE")).code, 2);

  await writePlugin(`${test.baseDir}/p`, { "plugin.json": `{"name":"P"}`, "index.js": "" });
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  await test.succeed("plugins", "enable", "P");
  for (const [second, message] of ["first", "two\nlines"].entries()) {
    await database.query(
      `INSERT INTO posthog_pluginlogentry VALUES ($1, 1, 1, 1, $2, 'CONSOLE', 'INFO', $3, $1)`,
      [randomUUID(), `2021-10-28T12:00:0${second}Z`, message],
    );
  }
  assert.equal(
    await test.succeed("plugins", "logs", "P"),
    "2021-10-28 12:00:00  INFO  P (1)  first\n2021-10-28 12:00:01  INFO  P (1)  two\n    lines",
  );
  assert.match(await test.succeed("plugins", "logs", "-n", "1"), /^2021-10-28 12:00:01/);
});

Deno.test("wrong use is exit code 2 with a word that helps; help is 0", async () => {
  await using test = await createTestCommands();
  const wrong: [string[], RegExp][] = [
    [["plugins", "instal"], /unknown command 'instal'[\s\S]*install/],
    [["plugins", "install"], /missing required argument 'source'/],
    [["events", "-n", "0"], /--number: '0' is not a whole number from 1/],
    [["dead-letters", "show"], /missing required argument 'id'/],
    [["teams", "--wrong"], /unknown option '--wrong'/],
  ];
  for (const [argv, reason] of wrong) {
    const { code, err } = await test.run(...argv);
    assert.equal(code, 2, argv.join(" "));
    assert.match(err, reason);
  }
  for (
    const argv of [["plugins", "--help"], ["plugins", "enable", "--help"], ["events", "--help"]]
  ) {
    const { code, out } = await test.run(...argv);
    assert.equal(code, 0);
    assert.match(out, /^Usage: paddock /);
  }
  const nowhere = await createTestCommands({ DATABASE_URL: "postgres://127.0.0.1:1/nothing" });
  try {
    const { code, err } = await nowhere.run("events");
    assert.deepEqual([code, /PDK_DATABASE_UNAVAILABLE/.test(err)], [1, true]);
  } finally {
    await nowhere[Symbol.asyncDispose]();
  }
});

Deno.test("plugins that are not healthy are shown with the reason, and reset", async () => {
  await using test = await createTestCommands();
  await writePlugin(`${test.baseDir}/p`, {
    "plugin.json": `{"name":"Crashing"}`,
    "index.js": "exports.processEvent = (event) => event",
  });
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  assert.match(await test.succeed("plugins", "states"), /Every plugin is healthy/);
  await new BreakerTable(test.database).save([{
    pluginId: 1,
    organizationId: "00000000-0000-0000-0000-000000000001",
    configId: 0,
    version: "1",
    state: "paused",
    reason: "it used more memory than it may",
    pauses: 2,
    pauseMs: 19_500,
  }]);
  assert.match(await test.succeed("plugins", "list"), /paused: it used more memory/);
  assert.match(
    await test.succeed("plugins", "states"),
    /1 +Crashing +\S+ +paused +\S+Z +2 +(19|20) s +it used more memory/,
  );
  assert.equal(JSON.parse(await test.succeed("plugins", "states", "--json")).length, 1);
  assert.match(await test.succeed("plugins", "reset", "Crashing"), /'Crashing' is tried again/);
  assert.match(await test.succeed("plugins", "list"), /nobody +ok/);
  const again = await test.run("plugins", "reset", "1");
  assert.equal(again.code, 2);
  assert.match(again.err, /'Crashing' is healthy: there is nothing to reset/);
});
