import assert from "node:assert/strict";
import { Progress } from "../../../src/sources/kafka/progress.ts";

const record = (partition: number, offset: number) => ({ partition, offset: BigInt(offset) });

function taken(...offsets: number[]): Progress {
  const progress = new Progress(new Map([[0, 10n], [1, 0n]]));
  for (const offset of offsets) progress.take(0, BigInt(offset));
  return progress;
}

Deno.test("a commit goes no further than the first record that is not done", () => {
  const progress = taken(10, 11, 12, 13);
  progress.done([record(0, 12), record(0, 11)]);
  assert.deepEqual([...progress.uncommitted()], []);
  progress.done([record(0, 10)]);
  assert.deepEqual([...progress.uncommitted()], [[0, 13n]]);
  progress.committed(new Map([[0, 13n]]));
  assert.deepEqual([...progress.uncommitted()], []);
  assert.equal(progress.open, 1);
  progress.done([record(0, 13), record(0, 13)]);
  assert.deepEqual([...progress.uncommitted()], [[0, 14n]]);
  assert.equal(progress.open, 0);
});

Deno.test("offsets that were never records are passed over", () => {
  const progress = taken(12, 20);
  progress.done([record(0, 12)]);
  assert.deepEqual([...progress.uncommitted()], [[0, 20n]]);
  progress.done([record(0, 20), record(0, 15), record(7, 1)]);
  assert.deepEqual([...progress.uncommitted()], [[0, 21n]]);
});

Deno.test("what waits is what lies behind the last record that was taken", () => {
  const progress = taken(10, 11);
  assert.equal(progress.waiting(new Map([[0, 15n], [1, 4n], [2, 9n]])), 3 + 4);
});
