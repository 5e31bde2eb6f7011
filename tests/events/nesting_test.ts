import assert from "node:assert/strict";
import { nestsDeeper, textNestsDeeper } from "../../src/events/nesting.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a text nests as deep as the value that it stands for", () => {
  const values: readonly unknown[] = [
    1,
    "[[[[[[[[",
    '\\"[[[{{{',
    [[[[1], [2]]]],
    { a: { b: [{ c: "}}}" }] } },
    [{}, {}, {}, [], [], []],
    { "[[[[": ["\\", "[[[["] },
  ];
  for (const value of values) {
    const text = JSON.stringify(value);
    for (const levels of [1, 2, 3, 4, 5]) {
      // A value of no member is a level in a text: it is only looked at from outside there.
      const about = `${text} at ${levels}`;
      if (nestsDeeper(value, levels)) assert.ok(textNestsDeeper(text, levels), about);
      assert.equal(textNestsDeeper(bytes(text), levels), textNestsDeeper(text, levels), about);
    }
    assert.equal(textNestsDeeper(text, 6), false, text);
  }
  assert.equal(textNestsDeeper("[".repeat(501)), true);
  assert.equal(textNestsDeeper("[".repeat(500) + "]".repeat(500)), false);
});
