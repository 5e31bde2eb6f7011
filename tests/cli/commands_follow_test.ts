/** `paddock plugins logs --follow` as a process of its own, until it is interrupted. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createTestCommands, writePlugin } from "./command_run.ts";

const PROJECT = fileURLToPath(import.meta.resolve("../../"));

Deno.test("follow prints what was there, then every new line once, late ones too", async () => {
  await using test = await createTestCommands();
  await writePlugin(`${test.baseDir}/p`, { "plugin.json": `{"name":"P"}`, "index.js": "" });
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  await test.succeed("plugins", "enable", "P");
  const write = (message: string, secondsAgo = 0) =>
    test.database.query(
      `INSERT INTO posthog_pluginlogentry (
         id, team_id, plugin_id, plugin_config_id, "timestamp", source, type, message, instance_id
       ) VALUES ($1, 1, 1, 1, now() - $2 * interval '1 second', 'CONSOLE', 'LOG', $3, $1)`,
      [randomUUID(), secondsAgo, message],
    );
  await write("too old to be shown", 3_600);
  await write("before", 60);
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-P=server", "main.ts", "plugins", "logs", "P", "-n", "1", "--follow", "--json"],
    cwd: PROJECT,
    env: test.environment,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = command.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (word: string) => {
    while (!text.includes(word)) {
      const { value, done } = await lines.read();
      if (done) throw new Error(`it ended without '${word}': ${text}`);
      text += value;
    }
  };
  await until("before");
  await write("first");
  await until("first");
  // Another server's clock, or its buffer, may be behind.
  await write("late", 10);
  await until("late");
  await write("last");
  await until("last");
  command.kill("SIGINT");
  while (true) {
    const { value, done } = await lines.read();
    if (done) break;
    text += value;
  }
  assert.equal((await command.status).code, 0);
  const messages = text.trim().split("\n").map((line) => JSON.parse(line).message);
  assert.deepEqual(messages, ["before", "first", "late", "last"]);
});
