import assert from "node:assert/strict";
import { celeryEventItem } from "../../../../src/sources/celery/producer.ts";
import type { Database } from "../../../../src/stores/postgres/database.ts";
import { DeadLetters } from "../../../../src/stores/postgres/dead_letters.ts";
import { Retention } from "../../../../src/stores/postgres/retention/retention.ts";
import { createTestCommands } from "../../../cli/command_run.ts";
import { installPlugin } from "../../../services/plugin_rows.ts";

const DAY_MS = 86_400_000;

async function addLetter(database: Database, distinctId: string | null, payload: string) {
  await new DeadLetters().append(database, [{
    kind: distinctId === null ? "message" : "event",
    source: "test",
    teamId: distinctId === null ? null : 1,
    eventUuid: null,
    event: null,
    distinctId,
    step: "decode",
    pluginConfigId: null,
    code: "PDK_EVENT_INVALID",
    reason: "bad",
    attempts: 1,
    payload,
  }]);
}

async function addLine(database: Database, configId: number, message: string, daysAgo: number) {
  await database.query(
    `INSERT INTO posthog_pluginlogentry (
       id, team_id, plugin_id, plugin_config_id, "timestamp", source, type, message, instance_id
     )
     SELECT gen_random_uuid(), team_id, plugin_id, id, now() - $3::float8 * interval '1 day',
       'CONSOLE', 'LOG', $2, gen_random_uuid()
     FROM posthog_pluginconfig WHERE id = $1`,
    [configId, message, daysAgo],
  );
}

async function setError(database: Database, configId: number, error: unknown) {
  await database.query("UPDATE posthog_pluginconfig SET error = $2 WHERE id = $1", [
    configId,
    JSON.stringify(error),
  ]);
}

Deno.test("dead letters, log lines and errors go when their days are over, and not before", async () => {
  await using test = await createTestCommands();
  const { database } = test;
  await test.succeed("teams");
  const plugin = { source: "", teamId: 1 };
  const oldConfig = await installPlugin(database, { ...plugin, name: "Old" });
  const newConfig = await installPlugin(database, { ...plugin, name: "New" });
  const at = (days: number) => ({ time: new Date(Date.now() - days * DAY_MS).toISOString() });
  await setError(database, oldConfig, at(11));
  await setError(database, newConfig, at(9));
  for (const days of [1, 6, 8]) {
    await addLine(database, newConfig, "a line", days);
    await addLetter(database, "ann", "{}");
  }
  await database.query(
    "UPDATE paddock.dead_letter SET created_at = now() - id * 10 * interval '1 day'",
  );
  const forever = new Retention(database, { deadLetters: 0, pluginLogs: 0, pluginErrors: 0 });
  assert.deepEqual(await forever.deleteOld(), { deadLetters: 0, pluginLogs: 0, pluginErrors: 0 });
  const days = { deadLetters: 15, pluginLogs: 7, pluginErrors: 10 };
  const retention = new Retention(database, days);
  assert.deepEqual(await retention.deleteOld(), { deadLetters: 2, pluginLogs: 1, pluginErrors: 1 });
  assert.deepEqual(await retention.deleteOld(), { deadLetters: 0, pluginLogs: 0, pluginErrors: 0 });
  const rows = await database.query(
    "SELECT error IS NULL AS gone FROM posthog_pluginconfig ORDER BY id",
  );
  assert.deepEqual(rows, [{ gone: true }, { gone: false }]);
});

Deno.test("forget: every trace that names the distinct id, and nothing of anybody else", async () => {
  await using test = await createTestCommands();
  const { database } = test;
  await test.succeed("teams");
  const id = `o'Hara+(1)@example.com "x" ü`;
  const config = await installPlugin(database, { name: "P", source: "", teamId: 1 });
  await setError(database, config, { message: "no", event: { distinct_id: id } });
  await addLine(database, config, `seen ${id}, twice`, 0);
  await addLine(database, config, `seen x${id}`, 0);
  await addLine(database, config, "seen somebody", 0);
  await addLetter(database, id, "{}");
  await addLetter(database, "anon", JSON.stringify({ data: { properties: { alias: id } } }));
  await addLetter(database, "ann", JSON.stringify({ data: { distinct_id: `${id}2` } }));
  const raw = { teamId: 1, ip: null, siteUrl: null, now: "", sentAt: null, data: {}, uuid: "" };
  await addLetter(database, null, celeryEventItem("q", { ...raw, distinctId: id }));
  await addLetter(database, null, celeryEventItem("q", { ...raw, distinctId: "ann" }));
  assert.equal(
    await test.succeed("forget", id, "--team", "2"),
    // A message that was never understood may be of any team.
    "Deleted 1 dead letters, 0 errors of plugins, 0 lines of their logs and 0 requests to hooks.",
  );
  assert.deepEqual(JSON.parse(await test.succeed("forget", id, "--json")), {
    deadLetters: 2,
    pluginErrors: 1,
    logLines: 1,
    hookRequests: 0,
  });
  assert.deepEqual(
    await database.query("SELECT id::int FROM paddock.dead_letter ORDER BY id"),
    [{ id: 3 }, { id: 5 }],
  );
  assert.equal((await test.run("forget", " ")).code, 2);
});
