/**
 * What `deno task compile` puts into the program. The base program that Deno downloads is stood in
 * for by another one: the result does not run, but it holds all that the real one would.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { BUNDLED_LIBRARIES } from "../../src/plugins/source/libraries.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

/** Modules that only tasks of this repository start. */
const TASKS = new Set(["src/cli/dev_server.ts", "src/cli/write_reference.ts"]);

/** A path that is put together when it is needed: module → what it can become. */
const COMPUTED: Readonly<Record<string, readonly string[]>> = {
  "plugins_runtime/host.ts": ["./plain_worker.ts", "./networked_worker.ts"],
  "plugins_runtime/library_frame.ts": [
    ...BUNDLED_LIBRARIES.map((name) =>
      `./libraries/${name.replace(/^@/, "").replace("/", "-")}.js.br`
    ),
  ],
};

async function* modules(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* modules(path);
    else if (name.endsWith(".ts") && !TASKS.has(path)) yield path;
  }
}

/** Every file that the program opens by a path of its own: path → who does. */
async function openedByPath(): Promise<Map<string, string>> {
  const opened = new Map<string, string>();
  const note = (by: string, relative: string) => {
    const url = new URL(relative, `file://${ROOT}${by}`);
    opened.set(fileURLToPath(url).slice(ROOT.length), by);
  };
  for (const folder of ["src", "plugins_runtime"]) {
    for await (const module of modules(folder)) {
      const text = await Deno.readTextFile(`${ROOT}${module}`);
      const uses = [...text.matchAll(/import\.meta\.(?:resolve|url|dirname|filename)/g)].length;
      const literal = [
        ...text.matchAll(/import\.meta\.resolve\(\s*"([^"]+)"/g),
        ...text.matchAll(/new URL\(\s*"([^"]+)",\s*import\.meta\.url/g),
      ];
      const computed = COMPUTED[module] ?? [];
      assert.ok(
        computed.length > 0 || uses === literal.length,
        `${module} opens a file whose name is not written there: list it in this test`,
      );
      for (const relative of computed) note(module, relative);
      for (const [, relative = ""] of literal) note(module, relative);
      for (
        const [, relative = ""] of text.matchAll(/"(\.[^"]+)" with \{ type: "(?:text|json)" \}/g)
      ) {
        note(module, relative);
      }
    }
  }
  return opened;
}

Deno.test("every file that the program opens by path is in the compiled program", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const output = `${directory}/paddock`;
    const compiled = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        "--quiet",
        `${ROOT}tools/compile.ts`,
        "--no-check",
        `--output=${output}`,
      ],
      env: { DENORT_BIN: "/bin/true" },
    }).output();
    const said = new TextDecoder().decode(compiled.stderr);
    assert.equal(compiled.code, 0, said);
    // As texts of a character for each byte, in which a search is fast.
    const program = await bytesOf(output);
    const opened = await openedByPath();
    for (const file of ["src/stores/migrations/posthog/schema.sql", "src/console/web/page.html"]) {
      assert.ok(opened.has(file), `${file} is among those that are looked for`);
    }
    const missing: string[] = [];
    for (const [path, by] of opened) {
      const files = path.endsWith("/") ? await filesOf(path) : [path];
      for (const file of files) {
        if (!program.includes(await bytesOf(`${ROOT}${file}`))) {
          missing.push(`${file}, which ${by} opens`);
        }
      }
    }
    assert.deepEqual(missing, []);
    assert.ok(!said.includes("tests/"), "no test is in it");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

async function bytesOf(file: string): Promise<string> {
  return Buffer.from(await Deno.readFile(file)).toString("latin1");
}

async function filesOf(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}${name}`;
    files.push(...isDirectory ? await filesOf(`${path}/`) : [path]);
  }
  return files;
}
