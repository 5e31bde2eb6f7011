/** The whole server on the paths that it takes when it was compiled. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { childrenOf, startServerProcess } from "../services/server_process.ts";
import { rawEvent } from "../services/raw_event.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./standalone_program.ts"));

/** An executable that is the program, as a compiled one is. */
async function writeExecutable(path: string): Promise<void> {
  await Deno.writeTextFile(
    path,
    `#!/bin/sh
exec "${Deno.execPath()}" run --allow-all --quiet --no-prompt --frozen --cached-only \\
  --unstable-worker-options "${PROGRAM}" "$0" "$@"
`,
  );
  await Deno.chmod(path, 0o755);
}

Deno.test("a server that starts itself takes an event through a plugin and stores it", async () => {
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  const teamId = await prepareDatabase(test.database);
  await installPlugin(test.database, {
    name: "Seeing",
    source: "exports.processEvent = (event) => { event.properties.seen = true; return event }",
    teamId,
  });
  const directory = await Deno.makeTempDir();
  const program = `${directory}/paddock`;
  await writeExecutable(program);
  const server = await startServerProcess({
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
    BASE_DIR: directory,
  }, { program, args: [], cwd: directory });
  try {
    await pushEvents(queue.redis, queue.queue, [
      rawEvent(teamId, "visitor", { event: "e", properties: {} }),
    ]);
    await eventually(async () => {
      const [row] = await test.database.query<{ seen: boolean }>(
        "SELECT (properties->>'seen')::bool AS seen FROM posthog_event",
      );
      return row?.seen === true;
    }, 60_000);
    const commands = await Promise.all(
      (await childrenOf(server.pid)).map(async (pid) => {
        const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/cmdline`] })
          .output();
        return new TextDecoder().decode(stdout).split("\0");
      }),
    );
    assert.ok(
      commands.some((words) => words.includes(program) && words.includes("plugin-host")),
      `a plugin's process is the program itself: ${JSON.stringify(commands)}`,
    );
  } finally {
    assert.equal(await server.stop(), 0, server.output());
    await Deno.remove(directory, { recursive: true });
  }
});
