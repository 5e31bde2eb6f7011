/** Whether a soak tells what stays as it was from what grows. */
import assert from "node:assert/strict";
import { flatness, type Sample } from "./soak/flatness.ts";

const BOUNDS = { warmUpMs: 1_000, factor: 1.3, slack: 10 };
const samples = (valueAt: (index: number) => number): Sample[] =>
  Array.from({ length: 100 }, (_, index) => ({ at: index * 100, value: valueAt(index) }));

Deno.test("what wavers is flat, what grows is not, and the warm-up does not count", () => {
  const verdict = (valueAt: (index: number) => number) =>
    flatness(samples(valueAt), BOUNDS).verdict;
  assert.equal(verdict((index) => 100 + index % 7), "flat");
  assert.equal(verdict((index) => index < 10 ? 5 : 100), "flat");
  assert.equal(verdict((index) => 100 + index), "NOT flat");
});

Deno.test("thirds are of time, with their median and 95th percentile", () => {
  const { thirds } = flatness(samples((index) => index < 70 ? 1 : 50), BOUNDS);
  assert.deepEqual(thirds.map(({ median }) => median), [1, 1, 50]);
  assert.equal(thirds[1].p95, 1);
  assert.ok(thirds.every(({ count }) => count >= 29));
});

Deno.test("where nothing could be measured nothing is called flat, nor growing", () => {
  assert.equal(flatness([], BOUNDS).verdict, "not measured");
  // One sample at the beginning and many at the end say nothing of the time between.
  const few = samples(() => 100).filter(({ at }) => at < 1_100 || at > 7_000);
  assert.equal(flatness(few, BOUNDS).verdict, "not measured");
});
