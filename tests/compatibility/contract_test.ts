/**
 * The contract with the server before, row by row: each has a test that names it in brackets, in its
 * title or in the description of a fixture. Rows of which a part is not met, or met otherwise, are
 * said in docs/plugins.md by the same names.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

/** What plugins use of the API. */
const SURFACE = [
  "language",
  "hooks",
  "never-used",
  "meta",
  "cache",
  "storage",
  "jobs",
  "posthog",
  "globals",
  "imports",
  "modules",
  "typescript",
  "javascript",
  "transpile",
  "network",
];

/** Behaviours that real plugins depend on: seventeen of them. */
const BEHAVIOURS = 17;

/** How a plugin's life goes. */
const LIFECYCLE = [
  "selection",
  "input-event",
  "null-drops",
  "errors",
  "succeeded",
  "process-error",
  "timeouts",
  "setup",
  "meta",
  "process-event-batch",
  "export-events",
  "jobs",
  "schedule",
  "storage",
  "cache",
  "geoip",
  "metrics",
  "capture",
  "api",
  "ip",
];

const ROWS = [
  ...SURFACE.map((row) => `2.${row}`),
  ...Array.from({ length: BEHAVIOURS }, (_, index) => `3.${index + 1}`),
  ...LIFECYCLE.map((row) => `5.${row}`),
];

/** Those that are not met to the letter, and why. */
const DIFFERENT = ["3.7", "3.8", "5.errors", "5.input-event", "5.timeouts", "5.succeeded"];

async function* files(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* files(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

/** The rows that tests name, each with one that does. */
async function namedRows(): Promise<Map<string, string>> {
  const named = new Map<string, string>();
  for await (const file of files(`${ROOT}tests`)) {
    const isFixture = /\/fixtures\/[^/]+\.json$/.test(file);
    if (!isFixture && !file.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(file);
    const titles = isFixture
      ? [String(JSON.parse(text).description ?? "")]
      : [...text.matchAll(/Deno\.test\(\s*(["`])(.*?)\1,/gs)].map(([, , title]) => title ?? "");
    for (const title of titles) {
      for (const [, row] of title.matchAll(/\[(\d\.[a-z0-9-]+)\]/g)) named.set(row as string, file);
    }
  }
  return named;
}

Deno.test("every row of the contract has a test that names it", async () => {
  const named = await namedRows();
  assert.deepEqual(ROWS.filter((row) => !named.has(row)), []);
  const unknown = [...named].filter(([row]) => !ROWS.includes(row));
  assert.deepEqual(unknown, [], "there are no such rows");
});

Deno.test("rows that are not met to the letter are said in the guide", async () => {
  const guide = await Deno.readTextFile(`${ROOT}docs/plugins.md`);
  for (const row of DIFFERENT) {
    assert.ok(ROWS.includes(row), row);
    assert.ok(guide.includes(`(${row})`), `docs/plugins.md does not speak of ${row}`);
  }
});
