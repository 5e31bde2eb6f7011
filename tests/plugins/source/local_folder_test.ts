import assert from "node:assert/strict";
import { PaddockError } from "../../../src/errors.ts";
import { localFolder, readFolder } from "../../../src/plugins/source/local_folder.ts";

const refused = (reason: RegExp) => (error: unknown) =>
  error instanceof PaddockError && error.code === "PDK_PLUGIN_LOAD" && reason.test(error.message);

/** A BASE_DIR with a plugin in it, and a folder beside it. */
async function folders() {
  const root = await Deno.realPath(await Deno.makeTempDir());
  const base = `${root}/base`;
  await Deno.mkdir(`${base}/plugins/a/lib`, { recursive: true });
  await Deno.mkdir(`${base}/plugins/a/node_modules/x`, { recursive: true });
  await Deno.mkdir(`${root}/base-secret`);
  await Deno.writeTextFile(`${base}/plugins/a/index.js`, "1");
  await Deno.writeTextFile(`${base}/plugins/a/lib/b.ts`, "2");
  await Deno.writeTextFile(`${base}/plugins/a/node_modules/x/index.js`, "3");
  await Deno.writeTextFile(`${base}/plugins/a/README.md`, "4");
  await Deno.writeTextFile(`${root}/base-secret/index.js`, "secret");
  return { root, base, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

Deno.test("a folder's code is read; links, dependencies and other files are not", async () => {
  await using test = await folders();
  const plugin = `${test.base}/plugins/a`;
  await Deno.symlink(`${test.root}/base-secret/index.js`, `${plugin}/linked.js`);
  await Deno.symlink(`${test.root}/base-secret`, `${plugin}/linked`);
  assert.deepEqual(
    await readFolder(plugin, "plugin X"),
    new Map([["index.js", "1"], ["lib/b.ts", "2"]]),
  );
});

Deno.test("a file: plugin stays below BASE_DIR by its real path", async () => {
  await using test = await folders();
  const { base, root } = test;
  const inside = `${base}/plugins/a`;
  for (const url of ["file:plugins/a", "file:./plugins/a", `file:${inside}`, `file://${inside}`]) {
    assert.equal(await localFolder(url, base, "plugin X"), inside, url);
  }
  await Deno.symlink(`${root}/base-secret`, `${base}/plugins/linked`);
  for (
    const url of [
      "file:..",
      "file:../base-secret",
      "file:plugins/../../base-secret",
      "file:plugins/linked",
      `file:${root}/base-secret`,
      "file:/etc",
      "file:///etc",
    ]
  ) await assert.rejects(localFolder(url, base, "plugin X"), refused(/outside of BASE_DIR/), url);
  await assert.rejects(
    localFolder("file:nowhere", base, "plugin X"),
    refused(/there is no folder/),
  );
  await assert.rejects(readFolder(`${base}/nowhere`, "plugin X"), refused(/there is no folder/));
  await assert.rejects(readFolder(`${inside}/index.js`, "plugin X"), refused(/not a folder/));
});

Deno.test("too much in a folder is refused", async () => {
  await using test = await folders();
  for (const name of ["a", "b", "c"]) {
    const file = await Deno.create(`${test.base}/plugins/a/${name}.json`);
    await file.truncate(8 * 1024 * 1024);
    file.close();
  }
  await assert.rejects(
    readFolder(`${test.base}/plugins/a`, "plugin X"),
    refused(/over 20971520 bytes of code/),
  );
});
