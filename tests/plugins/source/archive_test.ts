import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { PaddockError } from "../../../src/errors.ts";
import { unpackArchive } from "../../../src/plugins/source/archive.ts";
import { tgzOf, zipOf } from "./plugin_archives.ts";

const FILES = {
  "my-plugin-main/plugin.json": `{"name":"Ünïcode"}`,
  "my-plugin-main/index.js": "exports.a = 1",
  "my-plugin-main/lib/b.ts": "export const b = 2",
  "my-plugin-main/logo.png": "not taken",
  "my-plugin-main/node_modules/x/index.js": "not taken",
  "__MACOSX/my-plugin-main/index.js": "not taken",
};

const EXPECTED = new Map([
  ["plugin.json", `{"name":"Ünïcode"}`],
  ["index.js", "exports.a = 1"],
  ["lib/b.ts", "export const b = 2"],
]);

const refused = (reason: RegExp) => (error: unknown) =>
  error instanceof PaddockError && error.code === "PDK_PLUGIN_LOAD" &&
  error.message.startsWith("plugin X: ") && reason.test(error.message);

Deno.test("a zip and a tgz are read alike, without their root folder and what is no code", async () => {
  assert.deepEqual(await unpackArchive(zipOf(FILES), "plugin X"), EXPECTED);
  const links = [{
    name: "my-plugin-main/x.js",
    type: "symlink",
    linkname: "/etc/passwd",
  }] as const;
  assert.deepEqual(await unpackArchive(await tgzOf(FILES, links), "plugin X"), EXPECTED);
});

Deno.test("archives without a root folder, and without a plugin.json", async () => {
  const flat = { "./plugin.json": "{}", "./index.js": "1" };
  assert.deepEqual(
    [...(await unpackArchive(await tgzOf(flat), "plugin X")).keys()],
    ["plugin.json", "index.js"],
  );
  const bare = { "root/index.js": "1", "root/lib/index.js": "2" };
  assert.deepEqual(
    [...(await unpackArchive(zipOf(bare), "plugin X")).keys()],
    ["index.js", "lib/index.js"],
  );
});

Deno.test("what is no archive, or is broken off, is refused", async () => {
  const zip = zipOf(FILES);
  const tgz = await tgzOf(FILES);
  await assert.rejects(unpackArchive(new Uint8Array(0), "plugin X"), refused(/neither a zip nor/));
  await assert.rejects(
    unpackArchive(new TextEncoder().encode("<html>404</html>"), "plugin X"),
    refused(/neither a zip nor/),
  );
  for (
    const broken of [
      zip.subarray(0, 40),
      zip.subarray(0, zip.length - 30),
      tgz.subarray(0, tgz.length - 20),
      gzipSync("this is no tar, though it is longer than the header of one".repeat(20)),
    ]
  ) await assert.rejects(unpackArchive(broken, "plugin X"), refused(/cannot be unpacked/));
});

Deno.test("paths that lead out are refused", async () => {
  for (const path of ["../outside.js", "a/../../outside.js", "/etc/outside.js", "a\\..\\b.js"]) {
    const files = { "plugin.json": "{}", [path]: "1" };
    await assert.rejects(unpackArchive(zipOf(files), "plugin X"), refused(/leads out/), path);
  }
  await assert.rejects(
    unpackArchive(await tgzOf({ "a/../../outside.js": "1" }), "plugin X"),
    refused(/leads out/),
  );
});

Deno.test("bombs are refused by what they say, and by what they are", async () => {
  const zeros = "0".repeat(8 * 1024 * 1024);
  await assert.rejects(
    unpackArchive(zipOf({ "a.js": zeros, "b.js": zeros, "c.js": zeros }), "plugin X"),
    refused(/over 20971520 bytes of code/),
  );
  await assert.rejects(
    unpackArchive(await tgzOf({ "a.js": zeros, "b.js": zeros, "c.js": zeros }), "plugin X"),
    refused(/over 20971520 bytes of code/),
  );
  const many = Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`${i}.js`, ""]));
  await assert.rejects(unpackArchive(zipOf(many), "plugin X"), refused(/over 1000 files/));
  // Not one file of it would be taken, but all of it would be unpacked to see that.
  const unused = await tgzOf(
    Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`${i}.bin`, zeros])),
  );
  await assert.rejects(unpackArchive(unused, "plugin X"), refused(/over 104857600 bytes unpacked/));
});

Deno.test("a zip that understates its sizes gets no more than it stated", async () => {
  const zip = zipOf({ "index.js": "1234567890".repeat(1_000) });
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const directory = zip.findIndex((_, at) =>
    at + 4 <= zip.length && view.getUint32(at, true) === 0x02014b50
  );
  view.setUint32(directory + 24, 10, true);
  const files = await unpackArchive(zip, "plugin X").catch(() => new Map([["index.js", ""]]));
  assert.ok((files.get("index.js") ?? "").length <= 10);
});
