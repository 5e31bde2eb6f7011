import assert from "node:assert/strict";
import { PaddockError } from "../../../src/errors.ts";
import { configFields, parseManifest } from "../../../src/plugins/source/manifest.ts";

Deno.test("a manifest as plugins have it", () => {
  const manifest = parseManifest(
    JSON.stringify({
      name: "Exporter",
      url: "https://github.com/a/b",
      main: "./dist/index.js",
      config: [
        { markdown: "Some text" },
        { key: "host", type: "string", name: "Host", required: true, default: "" },
        { key: "kind", type: "choice", choices: ["a", "b"], secret: true },
      ],
      permissions: { net: ["API.example.com:443", "{config.host}"] },
      posthogVersion: ">= 1.25.0",
      publicJobs: { "Clear storage": {} },
      workers: 1,
    }),
    "plugin X",
  );
  assert.equal(manifest.main, "dist/index.js");
  assert.deepEqual(manifest.fields.map(({ key, required }) => [key, required]), [
    ["host", true],
    ["kind", false],
  ]);
  assert.equal(manifest.workers, 1);
  assert.deepEqual(manifest.publicJobs, { "Clear storage": {} });
  assert.equal(parseManifest("{}", "plugin X").publicJobs, null);
  assert.equal(parseManifest("{}", "plugin X").workers, null);
  assert.deepEqual(manifest.net, ["api.example.com:443", "{config.host}"]);
});

Deno.test("the older form of the config is an object", () => {
  const fields = configFields({ host: { type: "string", default: "a" } });
  assert.deepEqual(fields.map(({ key, type, default: byDefault }) => [key, type, byDefault]), [
    ["host", "string", "a"],
  ]);
});

Deno.test("what is no manifest, or asks for what cannot be, is refused with the reason", () => {
  const refused: [unknown, RegExp][] = [
    ["{", /JSON/],
    ["[]", /not an object/],
    ["null", /not an object/],
    [{ main: 5 }, /'main' is not a text/],
    [{ workers: 0 }, /'workers' is not a whole number from 1/],
    [{ workers: "2" }, /'workers' is not a whole number from 1/],
    [{ publicJobs: ["a"] }, /'publicJobs' is not an object/],
    [{ permissions: "all" }, /'permissions' is not an object/],
    [{ permissions: { net: "a.com" } }, /'permissions.net' is not a list/],
    [{ permissions: { net: [5] } }, /is not a text/],
    [{ permissions: { net: ["*"] } }, /every host/],
    [{ permissions: { net: ["*:443"] } }, /every host/],
    [{ permissions: { net: ["a.com, b.com"] } }, /space/],
    [{ permissions: { net: ["https://a.com"] } }, /address of a page/],
    [{ permissions: { net: ["a.com:70000"] } }, /port/],
    [{ permissions: { net: ["localhost"] } }, /this machine/],
    [{ permissions: { net: ["169.254.169.254"] } }, /not public/],
    [{ permissions: { net: ["{config.host}"] } }, /not among its 'config'/],
    [
      { config: [{ key: "url" }], permissions: { net: ["{config.host}"] } },
      /'\{config\.host\}' names a config key/,
    ],
  ];
  for (const [json, reason] of refused) {
    const text = typeof json === "string" ? json : JSON.stringify(json);
    assert.throws(
      () => parseManifest(text, "plugin X"),
      (error) =>
        error instanceof PaddockError && error.code === "PDK_PLUGIN_MANIFEST" &&
        error.message.startsWith("Can not load plugin.json for plugin X: ") &&
        reason.test(error.message),
      text,
    );
  }
});
