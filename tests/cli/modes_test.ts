/** The command line as a person meets it: what it prints, and its exit codes. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { modeOf } from "../../src/cli/command_line.ts";
import { SETTINGS } from "../../src/config/settings.ts";

const MAIN = fileURLToPath(import.meta.resolve("../../main.ts"));

async function paddock(args: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=server", MAIN, ...args],
    env,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("flags win over each other in their order", () => {
  const cases: [string[], string][] = [
    [[], "serve"],
    [["-v", "-h"], "help"],
    [["--migrate", "--version"], "version"],
    [["--idle", "--healthcheck"], "healthcheck"],
    [["--idle"], "idle"],
    [["plugins", "list", "--help"], "command"],
  ];
  for (const [argv, mode] of cases) assert.equal(modeOf(argv), mode, argv.join(" "));
});

Deno.test("help names every setting, version is one line", async () => {
  const help = await paddock(["--help"]);
  assert.equal(help.code, 0);
  for (const name of Object.keys(SETTINGS)) assert.ok(help.out.includes(name), name);
  const version = await paddock(["-v"]);
  assert.match(version.out, /^Paddock v\d+\.\d+\.\d+\n$/);
});

Deno.test("what is not understood is named, with exit code 2", async () => {
  const cases: [string[], Record<string, string>, RegExp][] = [
    [["--serve"], {}, /--serve/],
    [["pluggins"], {}, /pluggins.*plugins, events/],
    [[], { HTTP_PORT: "x" }, /HTTP_PORT: 'x'/],
    [["--migrate"], { TASK_TIMEOUT: "soon" }, /TASK_TIMEOUT/],
  ];
  for (const [args, env, reason] of cases) {
    const { code, err } = await paddock(args, env);
    assert.equal(code, 2, err);
    assert.match(err, reason);
  }
});

Deno.test("a database that is not there ends the start with its setting's name and no password", async () => {
  const env = { DATABASE_URL: "postgres://me:hunter2@127.0.0.1:1/x", REDIS_URL: "none" };
  const { code, err } = await paddock([], env);
  assert.equal(code, 1);
  assert.match(err, /DATABASE_URL .*me:\*\*\*@127\.0\.0\.1:1/);
  assert.doesNotMatch(err, /hunter2/);
});

Deno.test("the healthcheck of a server that does not run says so and ends", async () => {
  for (const env of [{ REDIS_URL: "redis://127.0.0.1:1" }, { REDIS_URL: "none", HTTP_PORT: "1" }]) {
    const { code, err } = await paddock(["--healthcheck"], env);
    assert.equal(code, 1);
    assert.match(err, /unhealthy/);
  }
});

Deno.test("idle says so and ends with a signal", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=server", MAIN],
    env: { PLUGIN_SERVER_IDLE: "true", DATABASE_URL: "postgres://127.0.0.1:1/x" },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("Idle")) child.kill("SIGTERM");
  }
  assert.equal((await child.status).code, 0);
  assert.match(text, /Idle/);
});
