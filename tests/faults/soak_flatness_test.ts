/** Whether a soak tells what stays as it was from what grows. */
import assert from "node:assert/strict";
import { flatness, type Sample } from "./soak/flatness.ts";

const BOUNDS = { warmUpMs: 1_000, factor: 1.3, slack: 10 };
const samples = (valueAt: (index: number) => number): Sample[] =>
  Array.from({ length: 100 }, (_, index) => ({ at: index * 100, value: valueAt(index) }));

Deno.test("what wavers is flat, what grows is not, and the warm-up does not count", () => {
  assert.ok(flatness(samples((index) => 100 + index % 7), BOUNDS).isFlat);
  assert.ok(flatness(samples((index) => index < 10 ? 5 : 100), BOUNDS).isFlat);
  assert.ok(!flatness(samples((index) => 100 + index), BOUNDS).isFlat);
});

Deno.test("thirds are of time, with their median and 95th percentile", () => {
  const { thirds } = flatness(samples((index) => index < 70 ? 1 : 50), BOUNDS);
  assert.deepEqual(thirds.map(({ median }) => median), [1, 1, 50]);
  assert.equal(thirds[1].p95, 1);
  assert.ok(thirds.every(({ count }) => count >= 29));
});

Deno.test("where nothing could be measured nothing is called flat", () => {
  assert.ok(!flatness([], BOUNDS).isFlat);
});
