/** Every command that the documentation shows, run as it stands there. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { tgzOf } from "../plugins/source/plugin_archives.ts";
import { createTestCommands } from "../cli/command_run.ts";
import { startDownloads } from "../services/downloads.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

/** Pages whose commands belong together, in the order of the page. */
const PAGES = [
  "docs/commands.md",
  "docs/getting-started.md",
  "docs/plugins.md",
  "docs/operations.md",
  "docs/observability.md",
  "examples/plugins/hello/README.md",
  "examples/plugins/drop-bots/README.md",
  "examples/plugins/visitor-counter/README.md",
];

/** What a reader of a page has done before. */
const BEFORE: Readonly<Record<string, string>> = { "docs/plugins.md": "plugins new ./my-plugin" };

/** Lines that are no sub-commands of paddock, and the test that runs them. */
const ELSEWHERE: readonly (readonly [line: RegExp, test: string])[] = [
  [/^deno task start$/, "tests/readme/quick_start_test.ts"],
  [/^deno task dev$/, "tests/dev/dev_server_test.ts"],
  [/^curl http:\/\/127\.0\.0\.1:8000\/e\//, "tests/readme/quick_start_test.ts"],
  [/^curl http:\/\/127\.0\.0\.1:8000\/_ready/, "tests/server/lifecycle_test.ts"],
  [/^deno task paddock --healthcheck/, "tests/cli/modes_test.ts"],
  [/^deno task paddock (?:top|tap)$/, "tests/cli/live_commands_test.ts"],
  [/^source <\(paddock completion bash\)$/, "tests/cli/completion_test.ts"],
];

const PADDOCK = /^(?:deno task )?paddock (.*)$/;

/** Lines of a page's shell blocks, without what is said behind them. */
async function linesOf(page: string): Promise<string[]> {
  const text = await Deno.readTextFile(`${ROOT}${page}`);
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    (block as string).split("\n")
      .map((line) => line.replace(/\s+# .*$/, "")).filter((line) => line.trim() !== "")
  );
}

/** A line's words, as a shell reads plain and quoted ones. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single)
  );
}

for (const page of PAGES) {
  Deno.test(`the commands of ${page} work in their order`, async () => {
    await using downloads = startDownloads(new Map());
    downloads.publish("@acme/enrich", {
      "1.0.0": await tgzOf({
        "package/plugin.json": `{"name":"Enrich"}`,
        "package/index.js": "exports.processEvent = (event) => event;",
      }),
    }, "1.0.0");
    await using test = await createTestCommands({ NPM_CONFIG_REGISTRY: downloads.address });
    await new Deno.Command("cp", {
      args: ["-r", `${ROOT}examples`, `${test.baseDir}/examples`],
    }).output();
    let run = 0;
    const before = BEFORE[page] === undefined ? [] : [`paddock ${BEFORE[page]}`];
    for (const line of [...before, ...await linesOf(page)]) {
      const known = ELSEWHERE.find(([pattern]) => pattern.test(line));
      if (known !== undefined) {
        assert.ok(await Deno.stat(`${ROOT}${known[1]}`), `${known[1]} runs ${line}`);
        continue;
      }
      const command = PADDOCK.exec(line)?.[1];
      assert.ok(command !== undefined, `${page}: nothing runs '${line}'`);
      const words = wordsOf(command)
        // What is below the folder of a shell is below BASE_DIR here.
        .map((word) => word.replace(/^\.\//, `${test.baseDir}/`))
        // It would go on until it is interrupted: see tests/cli/commands_follow_test.ts.
        .filter((word) => word !== "--follow");
      const { code, err } = await test.run(...words);
      assert.equal(code, 0, `${page}: ${line}\n${err}`);
      run++;
    }
    if (page !== "docs/operations.md") assert.ok(run > 0, "there are some");
  });
}

Deno.test("no page with commands is left out", async () => {
  const { stdout } = await new Deno.Command("git", { args: ["ls-files", "*.md"], cwd: ROOT })
    .output();
  const files = new TextDecoder().decode(stdout).split("\n").filter((file) => file !== "");
  // Its commands are run by quick_start_test.ts, with the server that they are for.
  const known = [...PAGES, "README.md"];
  const missing: string[] = [];
  for (const file of files.filter((each) => !known.includes(each))) {
    if ((await linesOf(file)).some((line) => PADDOCK.test(line))) missing.push(file);
  }
  assert.deepEqual(missing, []);
});
