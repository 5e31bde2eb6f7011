/** A new version that does not work, met by a server that starts: the one that worked goes on. */
import assert from "node:assert/strict";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { createFirstProject } from "../../src/stores/postgres/first_project.ts";
import { createTestDatabase } from "../services/database.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { eventually } from "../services/eventually.ts";
import { rawEvent } from "../services/raw_event.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { type ServerProcess, startServerProcess } from "../services/server_process.ts";

const marking = (version: string, more = "") =>
  `${more}
   exports.processEvent = (event) => { event.properties.by = "${version}"; return event }`;

/** A server on its own database and queue, which is stopped and started, with one plugin. */
async function restarting(source: string) {
  const test = await createTestDatabase();
  const queue = await createTestQueue();
  const { database } = test;
  await migrate(database);
  const teamId = (await createFirstProject(database))?.teamId as number;
  await installPlugin(database, { name: "Renewed", source, teamId });
  const baseDir = await Deno.makeTempDir();
  const env = {
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
    CONSOLE_HOST: "",
    BASE_DIR: baseDir,
  };
  let server: ServerProcess = await startServerProcess(env);
  let number = 0;
  const texts = async (statement: string) =>
    (await database.query<{ text: string }>(statement)).map(({ text }) => text).join("\n");
  return {
    database,
    teamId,
    async restart() {
      assert.equal(await server.stop(), 0, server.output());
      server = await startServerProcess(env);
    },
    change: (next: string) =>
      database.query("UPDATE posthog_plugin SET source = $1, updated_at = now()", [next]),
    reload: () => database.query("NOTIFY paddock_reload_plugins"),
    /** The version that an event meets. */
    async met(): Promise<string | null> {
      const mine = ++number;
      await pushEvents(queue.redis, queue.queue, [
        rawEvent(teamId, "visitor", { event: "met", properties: { number: mine } }),
      ]);
      let by: string | null | undefined;
      await eventually(async () => {
        const [row] = await database.query<{ by: string | null }>(
          "SELECT properties->>'by' AS by FROM posthog_event WHERE (properties->>'number')::int = $1",
          [mine],
        );
        by = row?.by;
        return row !== undefined;
      }, 60_000);
      return by ?? null;
    },
    log: () => texts("SELECT message AS text FROM posthog_pluginlogentry ORDER BY id"),
    kept: () => texts("SELECT version AS text FROM paddock.plugin_working_version"),
    loads: (plugin: string) =>
      texts(
        `SELECT count(*)::text AS text FROM posthog_pluginlogentry
         JOIN posthog_plugin AS plugin ON plugin.id = plugin_id
         WHERE message LIKE 'Plugin loaded%' AND plugin.name = '${plugin}'`,
      ),
    errors: () => texts("SELECT coalesce(error->>'message', '') AS text FROM posthog_pluginconfig"),
    async [Symbol.asyncDispose]() {
      assert.equal(await server.stop(), 0, server.output());
      await Deno.remove(baseDir, { recursive: true });
      await queue[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}

Deno.test("after a restart the version that worked goes on where its successor is not set up, is broken or is mended [5.setup]", async () => {
  await using test = await restarting(marking("one"));
  assert.equal(await test.met(), "one");
  await eventually(async () => await test.kept() !== "");
  const first = await test.kept();

  await test.change(marking("two", `exports.setupPlugin = () => { throw new Error("no key") }`));
  await test.restart();
  await eventually(async () => (await test.log()).includes("the version before goes on"));
  assert.equal(await test.met(), "one");
  assert.match(await test.log(), /Plugin failed to load .* Retrying in 3 s/);
  await eventually(async () => await test.errors() === "no key");
  assert.equal(await test.met(), "one");
  assert.equal(await test.errors(), "no key");
  assert.equal(await test.kept(), first);

  await test.change("this is ( no code");
  await test.restart();
  assert.equal(await test.met(), "one");
  assert.match(await test.log(), /index\.ts.*The version before goes on\./);
  assert.equal(await test.kept(), first);

  await test.change(marking("three"));
  await test.reload();
  await eventually(async () => await test.met() === "three");
  await eventually(async () => await test.kept() !== first);
  await eventually(async () => await test.errors() === "");
  await test.restart();
  assert.equal(await test.met(), "three");
});

Deno.test("a server that starts knows what a plugin exports without running it", async () => {
  await using test = await restarting(marking("one"));
  assert.equal(await test.met(), "one");
  await eventually(async () => await test.kept() !== "");
  assert.equal(await test.loads("Renewed"), "1");
  // Of this one nothing is known: it is run, and whatever else would be is run before it.
  const source = marking("two");
  await installPlugin(test.database, { name: "Stranger", source, teamId: test.teamId });
  await test.restart();
  await eventually(async () => await test.loads("Stranger") === "1", 60_000);
  assert.equal(await test.loads("Renewed"), "1");
  assert.equal(await test.met(), "two");
  await eventually(async () => await test.loads("Renewed") === "2", 60_000);
});
