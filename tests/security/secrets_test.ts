/**
 * A plugin that tells its secret to everybody who listens: it is in no log, no error, no dead letter,
 * no table that is not the plugin's own, and nothing that a command prints.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { MASK } from "../../src/telemetry/secret_values.ts";
import { createTestCommands } from "../cli/command_run.ts";
import { serviceAddress } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";

const CANARY = `c4nary"Ω-9f8e7d6c/5b+4a`;
const HOST_CANARY = "c4naryhostc4nary";

const SCHEMA = [
  { key: "token", type: "string", secret: true },
  { key: "subdomain", type: "string", secret: true },
  { key: "region", type: "string" },
];

const TELLTALE = `
exports.setupPlugin = ({ config }) => { console.log("ready with", config.token, config) }
exports.processEvent = async (event, { config, jobs }) => {
  const { token } = config
  console.log("plain " + token)
  console.warn(JSON.stringify({ token }), JSON.stringify(JSON.stringify({ token })))
  console.error("https://a/?t=" + encodeURIComponent(token), "Basic " + btoa(unescape(encodeURIComponent(token))))
  await fetch("http://" + config.subdomain + ".example.com/").catch((error) => console.log(error.message))
  await jobs.tell({ number: 1 }).runNow()
  event.properties.token = token
  throw new Error("no luck with " + token)
}
exports.onEvent = (event, { config }) => { throw new TypeError("onEvent of " + config.token) }
exports.jobs = { tell: (payload, { config }) => { throw new Error("job of " + config.token) } }
`;

const MUTE =
  `exports.setupPlugin = ({ config }) => { throw new Error("cannot start: " + config.token) }
exports.processEvent = (event) => event`;

/** What would give it away, in each of the ways in which a text may hold it. */
const TRACES = [
  CANARY,
  JSON.stringify(CANARY).slice(1, -1),
  encodeURIComponent(CANARY),
  Buffer.from(CANARY).toString("base64"),
  "9f8e7d6c",
  HOST_CANARY,
];

function assertHidden(text: string, where: string): void {
  for (const trace of TRACES) {
    const at = text.indexOf(trace);
    assert.equal(at, -1, `${where}: …${text.slice(Math.max(0, at - 200), at + 100)}…`);
  }
}

Deno.test("a plugin that tells its secret: nobody else can read it anywhere", async () => {
  await using test = await createTestCommands({
    REDIS_URL: serviceAddress("PADDOCK_TEST_REDIS_URL"),
    JOB_RETRY_SECONDS: "0.1",
  });
  await using queue = await createTestQueue();
  const { database } = test;
  await test.succeed("teams");
  const config = { token: CANARY, subdomain: HOST_CANARY, region: "eu" };
  const telltale = await installPlugin(database, {
    name: "Telltale",
    source: TELLTALE,
    teamId: 1,
    config,
  });
  await installPlugin(database, { name: "Mute", source: MUTE, teamId: 1, config });
  await database.query("UPDATE posthog_plugin SET config_schema = $1", [JSON.stringify(SCHEMA)]);
  const server = await startServerProcess({
    ...test.environment,
    PLUGINS_CELERY_QUEUE: queue.queue,
    LOG_LEVEL: "debug",
  });
  try {
    const sent = {
      teamId: 1,
      ip: null,
      siteUrl: null,
      now: new Date().toISOString(),
      sentAt: null,
      uuid: "",
    };
    const properties = { leaked: CANARY };
    await pushEvents(queue.redis, queue.queue, [
      { ...sent, distinctId: "ann", data: { event: "seen", properties: {} } },
      // Whatever way it came into an event that cannot be stored.
      { ...sent, distinctId: "", data: { event: CANARY, properties } },
      { ...sent, teamId: 77, distinctId: CANARY, data: { event: "seen", properties } },
      { ...sent, distinctId: "bob", data: { event: "seen", uuid: CANARY, properties } },
    ]);
    const count = async (statement: string) =>
      (await database.query<{ count: number }>(`SELECT count(*)::int AS count ${statement}`))[0]
        ?.count ?? 0;
    await eventually(async () =>
      await count("FROM paddock.dead_letter") === 3 &&
      await count("FROM posthog_event") === 1 &&
      await count("FROM paddock.plugin_refusal") > 0 &&
      await count("FROM paddock_jobs._private_jobs WHERE last_error IS NOT NULL") > 0 &&
      await count(
          `FROM posthog_pluginlogentry WHERE plugin_config_id = ${telltale} AND message LIKE '%onEvent of%'`,
        ) > 0 &&
      await count("FROM posthog_pluginconfig WHERE error IS NOT NULL") > 1 &&
      await count("FROM posthog_pluginlogentry WHERE message LIKE '%cannot start%'") > 0, 40_000);

    const tables = await database.query<{ name: string }>(
      `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
       WHERE schemaname IN ('public', 'paddock', 'paddock_jobs')`,
    );
    assert.ok(tables.length > 20);
    // The config itself, and what a plugin writes into its events and jobs, which are its own to see.
    const own = /posthog_(pluginconfig|event)$|paddock\.(outbox|inbox)$/;
    for (const { name } of tables.filter((table) => !own.test(table.name))) {
      const rows = await database.query<{ row: string }>(
        `SELECT row.*::text AS row FROM ${name} row`,
      );
      assertHidden(rows.map(({ row }) => row).join("\n"), name);
    }
    const errors = await database.query<{ error: string }>(
      "SELECT error::text AS error FROM posthog_pluginconfig WHERE error IS NOT NULL",
    );
    assertHidden(errors.map(({ error }) => error).join("\n"), "error columns");
    const logs = await database.query<{ message: string }>(
      "SELECT message FROM posthog_pluginlogentry",
    );
    const logText = logs.map(({ message }) => message).join("\n");
    for (const said of [`plain ${MASK}`, `no luck with ${MASK}`, `cannot start: ${MASK}`]) {
      assert.ok(logText.includes(said), `'${said}' is not in the log`);
    }

    for (
      const argv of [
        ["plugins", "list"],
        ["plugins", "list", "--json"],
        ["plugins", "logs", "-n", "500"],
        ["plugins", "logs", "-n", "500", "--json"],
        ["plugins", "grants"],
        ["plugins", "grants", "--json"],
        ["plugins", "order"],
        ["events"],
        ["events", "--json"],
        ["dead-letters"],
        ["dead-letters", "list", "--json"],
        ["dead-letters", "show", "1"],
        ["dead-letters", "show", "2", "--json"],
        ["jobs"],
        ["jobs", "--json"],
        ["jobs", "--dead"],
        ["jobs", "show", "1"],
        ["teams", "--json"],
        ["forget", CANARY],
        ["plugins", "enable", "Telltale", "--config", `token=${CANARY}`, "--config", "nothing=1"],
        ["plugins", "enable", "Mute", "--json"],
      ]
    ) {
      const { out, err } = await test.run(...argv);
      assertHidden(out + err, argv.slice(0, 3).join(" "));
    }
    // The plugin itself did have it.
    assert.equal(
      await count(`FROM posthog_pluginconfig WHERE config->>'token' = '${CANARY}'`),
      2,
    );
  } finally {
    await server.kill();
  }
  assertHidden(server.output(), "the server's log");
});
