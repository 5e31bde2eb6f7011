import assert from "node:assert/strict";
import { PaddockError } from "../../../src/errors.ts";
import { BuildProcess } from "../../../src/plugins/source/build_process.ts";
import { rawSource } from "../../../src/plugins/source/plugin_source.ts";
import { tgzOf, zipOf } from "./plugin_archives.ts";

const refused = (code: string, reason: RegExp) => (error: unknown) =>
  error instanceof PaddockError && error.code === code && reason.test(error.message);

const files = (entries: Record<string, string>) => new Map(Object.entries(entries));

Deno.test("files and archives of both kinds come to the same code", async () => {
  await using builder = new BuildProcess();
  const plugin = { "p/plugin.json": `{"name":"P"}`, "p/index.ts": "export const a: string = 'ü'" };
  const built = await Promise.all([
    builder.build(rawSource("plugin X", zipOf(plugin))),
    builder.build(rawSource("plugin X", await tgzOf(plugin))),
    builder.build(
      rawSource(
        "plugin X",
        files({ "plugin.json": `{"name":"P"}`, "index.ts": "export const a: string = 'ü'" }),
      ),
    ),
  ]);
  for (const { code, manifest } of built) {
    assert.equal(manifest.name, "P");
    assert.equal(code.main, "index.ts");
    assert.equal(code.language, "typescript");
    assert.match(code.files.get("index.ts") ?? "", /exports\.a = a/);
  }
  assert.equal(new Set(built.map(({ version }) => version)).size, 3);
});

Deno.test("what cannot be built is refused with its own reason, and costs the others nothing", async () => {
  await using builder = new BuildProcess();
  const attempts: [Record<string, string> | Uint8Array, string, RegExp][] = [
    [{ "plugin.json": "{" }, "PDK_PLUGIN_MANIFEST", /^Can not load plugin\.json for plugin X/],
    [{ "plugin.json": "{}" }, "PDK_PLUGIN_LOAD", /^Could not load index\.js for plugin X!$/],
    [
      { "plugin.json": `{"main":"dist/a.js"}`, "index.js": "" },
      "PDK_PLUGIN_LOAD",
      /^Could not load dist\/a\.js for plugin X!$/,
    ],
    [
      { "plugin.json": `{"main":"../../etc/passwd"}`, "index.js": "" },
      "PDK_PLUGIN_LOAD",
      /^Could not load /,
    ],
    [{ "index.js": "}" }, "PDK_PLUGIN_LOAD", /plugin X: index\.js/],
    [new Uint8Array(100), "PDK_PLUGIN_LOAD", /neither a zip nor/],
  ];
  for (const [content, code, reason] of attempts) {
    const source = rawSource("plugin X", content instanceof Uint8Array ? content : files(content));
    await assert.rejects(builder.build(source), refused(code, reason));
  }
  const { code } = await builder.build(rawSource("plugin Y", files({ "index.js": "1" })));
  assert.equal(code.files.get("index.js"), "1");
});

Deno.test("a process that takes too long or too much memory ends, and the next plugin is built", async () => {
  const slow = rawSource("plugin Slow", files({ "index.ts": "f(a<b,c>(d));".repeat(300_000) }));
  await using impatient = new BuildProcess({ timeoutMs: 150 });
  await assert.rejects(
    impatient.build(slow),
    refused("PDK_PLUGIN_LOAD", /^plugin Slow: it was not unpacked and transpiled within 0\.15 s$/),
  );
  await using small = new BuildProcess({ heapMb: 32 });
  await assert.rejects(
    small.build(slow),
    refused("PDK_PLUGIN_LOAD", /^plugin Slow: unpacking and transpiling it failed: it needs too/),
  );
  const { code } = await small.build(rawSource("plugin Y", files({ "index.js": "1" })));
  assert.equal(code.main, "index.js");
});
