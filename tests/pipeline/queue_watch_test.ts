import assert from "node:assert/strict";
import { QueueWatch } from "../../src/pipeline/queue_watch.ts";
import { eventually } from "../services/eventually.ts";

/** Depths as they are seen, one after the other; the last stays. */
function watched(depths: readonly (number | Error)[], hasRoom = true) {
  let looks = 0;
  const consumer = {
    batches: 0,
    source: {
      depth: () => {
        const depth = depths[Math.min(looks++, depths.length - 1)] ?? 0;
        return depth instanceof Error ? Promise.reject(depth) : Promise.resolve(depth);
      },
    },
  };
  const watch = new QueueWatch(consumer, () => hasRoom, { everyMs: 5, looks: 6 });
  watch.start();
  return {
    consumer,
    watch,
    looked: (count: number) => eventually(() => looks >= count),
  };
}

Deno.test("a queue that grows while nothing is taken is not well, until something is taken", async () => {
  const { watch, consumer, looked } = watched([5, 6, 7, 8, 9, 10, 11, 12]);
  await eventually(() => watch.trouble !== null);
  assert.match(watch.trouble ?? "", /^\d+ messages wait, and none was taken for/);
  consumer.batches++;
  await eventually(() => watch.trouble === null);
  await looked(10);
  await watch.stop();
});

Deno.test("an empty queue, one that others empty, a full pipeline and a store that is away are no fault", async () => {
  const cases = [
    watched([0]),
    watched(Array.from({ length: 100 }, (_, look) => 100 - look)),
    watched([50], false),
    watched([new Error("away")]),
  ];
  for (const { watch, looked } of cases) {
    await looked(30);
    assert.equal(watch.trouble, null);
    await watch.stop();
  }
});
