/** The bundles that are part of the repository are those that were built, of the versions that are pinned. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import {
  BUNDLED_LIBRARIES,
  importedLibraries,
  libraryNeeds,
} from "../../src/plugins/source/libraries.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));
const FOLDER = `${ROOT}plugins_runtime/libraries/`;

interface ManifestEntry {
  readonly version: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly builtins: readonly string[];
}

async function readJson(path: string) {
  return JSON.parse(await Deno.readTextFile(path));
}

const manifest: Record<string, ManifestEntry> = await readJson(`${FOLDER}manifest.json`);

Deno.test("every library is there, as it was built", async () => {
  assert.deepEqual(Object.keys(manifest).sort(), [...BUNDLED_LIBRARIES].sort());
  for (const [name, { bytes, sha256 }] of Object.entries(manifest)) {
    const file = `${FOLDER}${name.replace(/^@/, "").replace("/", "-")}.js.br`;
    const text = brotliDecompressSync(await Deno.readFile(file));
    assert.equal(text.length, bytes, name);
    assert.equal(createHash("sha256").update(text).digest("hex"), sha256, name);
    assert.ok(!text.includes("paddock-libraries-"), `${name} names the folder of its build`);
  }
});

Deno.test("their versions are those that are pinned, and their licenses travel with them", async () => {
  const { imports } = await readJson(`${ROOT}libraries/packages.json`);
  const licenses = await Deno.readTextFile(`${FOLDER}LICENSES.txt`);
  for (const [name, { version }] of Object.entries(manifest)) {
    assert.equal(imports[name], `npm:${name}@${version}`, "deno task libraries");
    assert.ok(licenses.includes(`${name} ${version} (`), `${name} has a license`);
  }
  const guide = await Deno.readTextFile(`${ROOT}docs/plugins.md`);
  for (const [name, { version }] of Object.entries(manifest)) {
    assert.match(guide, new RegExp(`\`${name}\` *\\| ${version.replaceAll(".", "\\.")} `));
  }
});

Deno.test("what a plugin imports is seen in its text, as far as it is written out", () => {
  const found = (text: string) => importedLibraries([text]);
  assert.deepEqual(found(`const { Client } = require("pg"); require('aws-sdk').S3`), [
    "aws-sdk",
    "pg",
  ]);
  assert.deepEqual(found("require ( `zlib` ); require('node:zlib')"), ["zlib"]);
  assert.deepEqual(found(`require("./pg"); require("pg/lib/x"); require("constructor")`), []);
  assert.deepEqual(found("require(name); requires('pg'); 'pg'"), []);
});

Deno.test("a process gets what its libraries need together", () => {
  assert.deepEqual(libraryNeeds([]), { bundled: [], isNetworked: false, heapMb: 0 });
  assert.deepEqual(libraryNeeds(["faker", "zlib"]), {
    bundled: ["faker"],
    isNetworked: true,
    heapMb: 32,
  });
  const { isNetworked, heapMb } = libraryNeeds(["pg", "aws-sdk"]);
  assert.deepEqual([isNetworked, heapMb], [true, 40]);
});
