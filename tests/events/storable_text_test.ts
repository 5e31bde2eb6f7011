import assert from "node:assert/strict";
import { storableJsonText, storableText } from "../../src/events/storable_text.ts";

Deno.test("U+0000 and lone surrogates become U+FFFD, everything else stays", () => {
  assert.equal(storableText("a\u0000b"), "a\uFFFDb");
  assert.equal(storableText("a\ud800b"), "a\uFFFDb");
  assert.equal(storableText("naïve 🦔"), "naïve 🦔");
});

Deno.test("JSON is cleaned in keys, values and depth", () => {
  const dirty = { "k\u0000": ["\ud83d", { deep: "x\u0000" }], fine: "🦔", n: 1 };
  assert.deepEqual(JSON.parse(storableJsonText(dirty)), {
    "k\uFFFD": ["\uFFFD", { deep: "x\uFFFD" }],
    fine: "🦔",
    n: 1,
  });
});

Deno.test("text that only looks like an escape is left alone", () => {
  const value = { path: "C:\\u0000\\dir", other: "\\ud800" };
  assert.deepEqual(JSON.parse(storableJsonText(value)), value);
});
