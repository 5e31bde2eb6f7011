/** Completion as the shells do it: their own functions ask the real commands. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createTestCommands, type TestCommands, writePlugin } from "./command_run.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

Deno.test("words are completed where they may stand", async () => {
  await using test = await createTestCommands();
  await writePlugin(`${test.baseDir}/p`, { "plugin.json": `{"name":"My plugin"}`, "index.js": "" });
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  const words = async (...typed: string[]) =>
    (await test.succeed("complete", "--", ...typed)).split("\n").map((line) => line.split("\t")[0]);
  assert.deepEqual(await words("te"), ["teams"]);
  assert.ok(!(await words("")).includes("complete"), "nobody types it");
  assert.deepEqual(await words("plugins", "gr"), ["grant", "grants"]);
  assert.deepEqual(await words("plugins", "enable", "--co"), ["--config"]);
  assert.deepEqual(await words("plugins", "enable", ""), ["My plugin"]);
  assert.deepEqual(await words("plugins", "enable", "--team", "1", "My"), ["My plugin"]);
  assert.deepEqual(await words("plugins", "order", "My plugin", ""), ["My plugin"]);
  assert.deepEqual(await words("plugins", "install", "./"), [":files"]);
  assert.deepEqual(await words("plugins", "enable", "--team", ""), [""]);
  assert.deepEqual(await words("completion", ""), ["bash", "zsh", "fish"]);
  const away = await createTestCommands({ DATABASE_URL: "postgres://127.0.0.1:1/nothing" });
  try {
    assert.equal(await away.succeed("complete", "--", "plugins", "enable", ""), "");
  } finally {
    await away[Symbol.asyncDispose]();
  }
  assert.match((await test.run("completion", "tcsh")).err, /'tcsh' is none of bash, zsh, fish/);
});

Deno.test("every command that ends prints JSON for programs", async () => {
  await using test = await createTestCommands();
  const words = async (...typed: string[]) =>
    (await test.succeed("complete", "--", ...typed)).split("\n").map((line) => line.split("\t")[0]);
  // A shell's script, and a table that is drawn again and again.
  const others = ["completion", "top"];
  const lacking: string[] = [];
  for (const command of (await words("")).filter((each) => !others.includes(each ?? ""))) {
    const options = await words(command as string, "--");
    const inner = await words(command as string, "");
    const leaves = options.includes("--json") || inner.length < 2
      ? [[command as string]]
      : inner.map((each) => [command as string, each as string]);
    for (const leaf of leaves) {
      if (!(await words(...leaf, "--")).includes("--json")) lacking.push(leaf.join(" "));
    }
  }
  assert.deepEqual(lacking, []);
});

Deno.test("asking for plugins makes no storage where there is none", async () => {
  await using test = await createTestCommands();
  const { DATABASE_URL: _url, REDIS_URL: _redis, ...nothing } = test.environment;
  const folder = await Deno.makeTempDir();
  await using empty = await createTestCommands();
  Object.assign(empty.environment, nothing, { BASE_DIR: folder });
  delete empty.environment.DATABASE_URL;
  delete empty.environment.REDIS_URL;
  assert.equal(await empty.succeed("complete", "--", "plugins", "enable", ""), "");
  assert.deepEqual([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);
});

/** What each shell offers for a line, by its own means. */
const ASK: Readonly<Record<string, (line: readonly string[]) => string>> = {
  bash: (words) => `
    source <(paddock completion bash)
    COMP_WORDS=(paddock ${words.map((word) => `'${word}'`).join(" ")})
    COMP_CWORD=${words.length}
    _paddock 2>/dev/null
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  // What zsh's completion would show is kept by a function in the place of its own.
  zsh: (words) => `
    compdef() { : }
    _describe() { printf '%s\\n' "\${(@P)2}"; return 0 }
    _files() { print files }
    source <(paddock completion zsh)
    words=(paddock ${words.map((word) => `'${word}'`).join(" ")})
    CURRENT=${words.length + 1}
    _paddock || true`,
  fish: (words) => `
    paddock completion fish | source
    complete -C 'paddock ${words.join(" ")}'`,
};

async function inShell(test: TestCommands, shell: string, script: string): Promise<string> {
  const bin = `${test.baseDir}/bin`;
  await Deno.mkdir(bin, { recursive: true });
  await Deno.writeTextFile(
    `${bin}/paddock`,
    `#!/bin/sh\nexec "${Deno.execPath()}" run --quiet -P=server "${ROOT}main.ts" "$@"\n`,
    { mode: 0o755 },
  );
  const { stdout, stderr, success } = await new Deno.Command(shell, {
    args: ["-c", script],
    cwd: test.baseDir,
    env: {
      ...test.environment,
      PATH: `${bin}:${Deno.env.get("PATH")}`,
      // What fish writes down for later; its home stays, as Deno's cache is there.
      XDG_CONFIG_HOME: test.baseDir,
      XDG_DATA_HOME: test.baseDir,
    },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stderr));
  return decoder.decode(stdout);
}

for (const [shell, ask] of Object.entries(ASK)) {
  Deno.test(`${shell} completes commands, plugins and files`, async () => {
    await using test = await createTestCommands();
    await writePlugin(`${test.baseDir}/pack`, {
      "plugin.json": `{"name":"Enrich"}`,
      "index.js": "",
    });
    await test.succeed("plugins", "install", `${test.baseDir}/pack`);
    assert.match(await inShell(test, shell, ask(["plugins", "rev"])), /^revoke\b/m);
    assert.match(await inShell(test, shell, ask(["plugins", "enable", "E"])), /^Enrich\b/m);
    assert.match(
      await inShell(test, shell, ask(["plugins", "install", "pa"])),
      shell === "zsh" ? /^files$/m : /^pack\/?/m,
    );
  });
}
