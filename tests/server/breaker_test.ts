/** A plugin that hangs, over several servers, a restart and an operator's command. */
import assert from "node:assert/strict";
import { runCommand } from "../../src/cli/commands.ts";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";
import { rawEvent } from "../services/raw_event.ts";

const SOURCE = `exports.processEvent = (event) => {
  if (event.properties.bad) for (;;);
  event.properties.seen = true;
  return event;
}`;

Deno.test("what one server pauses is paused on all, after a restart too, until it is reset", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  await using queue = await createTestQueue();
  const teamId = await prepareDatabase(database);
  await installPlugin(database, { name: "Hanging", source: SOURCE, teamId });
  const baseDir = await Deno.makeTempDir();
  const environment = {
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    BASE_DIR: baseDir,
    TASK_TIMEOUT: "0.3",
  };
  const start = (name: string) =>
    startServerProcess({ ...environment, PLUGINS_CELERY_QUEUE: `${queue.queue}${name}` });
  let serial = 0;
  /** Sends one event to one of the servers; resolves with its row. */
  const send = async (name: string, properties: Record<string, unknown>) => {
    const number = ++serial;
    await pushEvents(queue.redis, `${queue.queue}${name}`, [
      rawEvent(teamId, "visitor", { event: "e", properties: { number, ...properties } }),
    ]);
    let row: Record<string, unknown> | undefined;
    await eventually(async () => {
      const rows = await database.query<{ properties: Record<string, unknown> }>(
        "SELECT properties FROM posthog_event WHERE properties->>'number' = $1",
        [String(number)],
      );
      row = rows[0]?.properties;
      return row !== undefined;
    });
    const failed = row?.$plugins_failed as unknown[] | undefined;
    return { seen: row?.seen === true, failed: (failed?.length ?? 0) > 0 };
  };
  const states = async () => {
    const rows = await database.query<{ state: string }>("SELECT state FROM paddock.plugin_state");
    return rows.map(({ state }) => state);
  };
  const [one, other] = [await start("one"), await start("other")];
  try {
    assert.deepEqual(await send("other", {}), { seen: true, failed: false });
    await eventually(async () => {
      if ((await states()).includes("paused")) return true;
      assert.deepEqual(await send("one", { bad: true }), { seen: false, failed: true });
      return false;
    }, 60_000);
    // The other never saw it hang.
    await eventually(async () => (await send("other", {})).failed, 8_000);
    await database.query("UPDATE paddock.plugin_state SET paused_until = now() + '1 hour'");
  } finally {
    await one.stop();
    await other.stop();
  }
  const restarted = await start("one");
  try {
    assert.deepEqual(await send("one", {}), { seen: false, failed: true });
    const out: string[] = [];
    const command = (...words: string[]) =>
      runCommand(["plugins", ...words], environment, {
        print: (text) => out.push(text),
        complain: (text) => out.push(text),
      });
    assert.equal(await command("list"), 0);
    assert.match(out.join("\n"), /paused: it did not come to an end within 0\.3 s/);
    assert.equal(await command("reset", "Hanging"), 0);
    await eventually(async () => (await send("one", {})).seen);
    assert.deepEqual(await states(), []);
  } finally {
    await restarted.stop();
    await Deno.remove(baseDir, { recursive: true });
  }
});
