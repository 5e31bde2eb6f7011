/**
 * What the fence stands on was measured on one version of Deno: what a worker inherits, what stops
 * it, what leaks. Another version is another fence until this suite has run on it.
 */
import assert from "node:assert/strict";

/** The version that all of `tests/security/` last passed on. */
const PASSED_ON = "2.9.6";

const WHAT_TO_DO =
  `the attack suite was last run on Deno ${PASSED_ON}. To move to another version: ` +
  "run 'deno task test tests/security' and 'FUZZ_ROUNDS=20 deno task test tests/security/fuzz_test.ts' " +
  "on it, read its release notes for workers and permissions, then change PASSED_ON in this file";

Deno.test("the suite was run on the very Deno that runs now", () => {
  assert.equal(Deno.version.deno, PASSED_ON, WHAT_TO_DO);
});

Deno.test("no file of the project asks for another Deno", async () => {
  const project = new URL("../../", import.meta.url);
  for (const file of ["README.md", "Dockerfile", ".ci/run"]) {
    const text = await Deno.readTextFile(new URL(file, project));
    const asked = [...text.matchAll(/deno[@:](?:\w+-)?(\d+\.\d+\.\d+)/g)].map(([, version]) =>
      version
    );
    assert.ok(asked.length > 0, `${file} names a version`);
    for (const version of asked) assert.equal(version, PASSED_ON, `${file}: ${WHAT_TO_DO}`);
  }
});
