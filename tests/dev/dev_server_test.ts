/** `deno task dev` on a copy of the repository whose source is changed. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

Deno.test("the server is started again when its own source is saved", async () => {
  await using database = await createTestDatabase();
  const folder = await Deno.makeTempDir();
  const clone = `${folder}/paddock`;
  const copied = await new Deno.Command("git", { args: ["clone", "--quiet", ROOT, clone] })
    .output();
  assert.ok(copied.success, new TextDecoder().decode(copied.stderr));
  const dev = new Deno.Command(Deno.execPath(), {
    args: ["task", "dev"],
    cwd: clone,
    env: {
      DATABASE_URL: database.url,
      REDIS_URL: "none",
      HTTP_PORT: "0",
      CONSOLE_PORT: "0",
      LOG_FORMAT: "json",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  const collect = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) text += chunk;
  };
  const collected = Promise.all([collect(dev.stdout), collect(dev.stderr)]);
  const starts = () => text.match(/"ready after/g)?.length ?? 0;
  try {
    await eventually(() => starts() === 1, 60_000);
    const file = `${clone}/src/version.ts`;
    await Deno.writeTextFile(file, `${await Deno.readTextFile(file)}// changed\n`);
    await eventually(() => starts() === 2, 60_000);
    assert.match(text, /src\/version\.ts was saved: the server is started again/);
    assert.match(text, /stopped: 0 events stored/, "the first one was stopped, not killed");
    // One that cannot run waits for the next save.
    await Deno.writeTextFile(file, "syntax error");
    await eventually(() => /error/.test(text.slice(text.lastIndexOf("was saved"))), 60_000);
    await Deno.writeTextFile(file, `export const VERSION = "0.0.1";\n`);
    await eventually(() => starts() === 3, 60_000);
  } finally {
    dev.kill("SIGTERM");
    await dev.status;
    await collected;
    await Deno.remove(folder, { recursive: true });
  }
});
