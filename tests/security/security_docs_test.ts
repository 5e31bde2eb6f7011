/** The table of attacks in docs/security.md names tests that are there. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);

Deno.test("every row of the attack table names tests that exist", async () => {
  const text = await Deno.readTextFile(new URL("docs/security.md", root));
  const [, section = ""] = text.split("\n## Attacks, what stops them, and the proof\n");
  const rows = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("|"));
  assert.ok(rows.length > 20, `${rows.length} rows`);
  // Behind the header and the line below it.
  for (const row of rows.slice(2)) {
    const cells = row.split("|");
    const paths = [...(cells.at(-2) ?? "").matchAll(/`([^`]+)`/g)].map(([, path]) =>
      path as string
    );
    assert.ok(paths.length > 0, `no test holds: ${row}`);
    for (const path of paths) {
      const base = path.startsWith("tests/") ? root : new URL("./", import.meta.url);
      const { isFile, isDirectory } = await Deno.stat(fileURLToPath(new URL(path, base)));
      assert.ok(isFile || isDirectory, path);
    }
  }
});
