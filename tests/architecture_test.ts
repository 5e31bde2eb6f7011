/** The rules between the parts, held. What may import what is in docs/architecture.md. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(import.meta.resolve("../"));

/** Module → the modules it imports, all relative to the root. */
type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** What nobody in the first may import from the second, and why. */
const FORBIDDEN: readonly (readonly [from: RegExp, to: RegExp, why: string])[] = [
  [/^plugins_runtime\//, /^src\//, "the runtime is all that a plugin's process has"],
  [
    /^src\//,
    /^plugins_runtime\/(?!(?:(?:hook_|site_)?frames|frame_reader)\.ts$)/,
    "the server knows the frames, how they are read, and nothing else of the runtime",
  ],
  [
    /^src\/pipeline\//,
    /^src\/(?:stores|plugins|http|cli|config)\//,
    "the pipeline knows interfaces",
  ],
  [/^src\/pipeline\//, /^src\/sources\/(?!source\.ts$)/, "the pipeline knows sources by interface"],
  [/^src\/stores\//, /^src\/(?:plugins|pipeline|sources|http|cli)\//, "stores know SQL alone"],
  [/^src\/events\//, /^src\/(?!events\/|errors\.ts$)/, "what an event is depends on nothing"],
  [/^src\/(?!cli\/|server)/, /^src\/server(?:_\w+)?\.ts$/, "only modes start servers"],
  [/^src\/(?!cli\/)/, /^src\/cli\//, "nothing depends on the command line"],
];

/** The rules that the graph breaks, each as a sentence. */
function violations(graph: ImportGraph): string[] {
  const found: string[] = [];
  for (const [from, imports] of graph) {
    for (const to of imports) {
      for (const [fromRule, toRule, why] of FORBIDDEN) {
        if (fromRule.test(from) && toRule.test(to)) found.push(`${from} imports ${to}: ${why}`);
      }
    }
  }
  return found;
}

/** One import cycle, or null. */
function cycle(graph: ImportGraph): string[] | null {
  const finished = new Set<string>();
  const visit = (module: string, path: readonly string[]): string[] | null => {
    if (path.includes(module)) return [...path.slice(path.indexOf(module)), module];
    if (finished.has(module)) return null;
    for (const next of graph.get(module) ?? []) {
      const found = visit(next, [...path, module]);
      if (found !== null) return found;
    }
    finished.add(module);
    return null;
  };
  for (const module of graph.keys()) {
    const found = visit(module, []);
    if (found !== null) return found;
  }
  return null;
}

async function sourceFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    if (isDirectory) files.push(...await sourceFiles(`${folder}/${name}`));
    else if (name.endsWith(".ts")) files.push(`${folder}/${name}`);
  }
  return files;
}

async function readGraph(): Promise<ImportGraph> {
  const graph = new Map<string, string[]>();
  for (const file of [...await sourceFiles("src"), ...await sourceFiles("plugins_runtime")]) {
    const text = await Deno.readTextFile(`${ROOT}${file}`);
    const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)];
    graph.set(
      file,
      specifiers.map(([, specifier]) =>
        fileURLToPath(new URL(specifier as string, `file://${ROOT}${file}`)).slice(ROOT.length)
      ).filter((path) => path.endsWith(".ts")),
    );
  }
  return graph;
}

Deno.test("no part imports what is not its business", async () => {
  const graph = await readGraph();
  assert.ok(graph.size > 80, "the files were found");
  assert.deepEqual(violations(graph), []);
});

Deno.test("no modules import each other in a circle", async () => {
  assert.equal(cycle(await readGraph()), null);
});

Deno.test("the checks find what they are for", () => {
  const wrong = new Map([
    ["src/pipeline/a.ts", ["src/stores/postgres/database.ts"]],
    ["src/stores/b.ts", ["src/plugins/c.ts"]],
    ["src/plugins/c.ts", ["src/stores/b.ts", "plugins_runtime/load.ts"]],
  ]);
  assert.equal(violations(wrong).length, 3);
  assert.deepEqual(cycle(wrong), ["src/stores/b.ts", "src/plugins/c.ts", "src/stores/b.ts"]);
});

Deno.test("nothing in the project names a machine's folder or is unfinished", async () => {
  const { stdout } = await new Deno.Command("git", { args: ["ls-files"], cwd: ROOT }).output();
  const marks = ["TO" + "DO", "FIX" + "ME", "/wo" + "rk/", "/ro" + "ot/"];
  const found: string[] = [];
  for (const file of new TextDecoder().decode(stdout).split("\n").filter(Boolean)) {
    if (file === "deno.lock") continue;
    const text = await Deno.readTextFile(`${ROOT}${file}`).catch(() => "");
    for (const mark of marks) if (text.includes(mark)) found.push(`${file}: ${mark}`);
  }
  assert.deepEqual(found, []);
});
