import assert from "node:assert/strict";
import { Reloader } from "../../../src/plugins/registry/reloader.ts";
import { eventually } from "../../services/eventually.ts";

Deno.test("what is taken away does not wait for a reload that runs, and a reload follows it", async () => {
  const did: string[] = [];
  let release = () => {};
  const slow = new Promise<void>((resolve) => release = resolve);
  let reloads = 0;
  const reloader = new Reloader(
    () => {
      did.push("restrict");
      return Promise.resolve();
    },
    async () => {
      const number = ++reloads;
      did.push(`reload ${number}`);
      if (number === 1) await slow;
      did.push(`reloaded ${number}`);
    },
  );
  reloader.request();
  await eventually(() => did.includes("reload 1"));
  for (let wanted = 2; wanted < 5; wanted++) {
    reloader.request();
    reloader.request();
    await eventually(() => did.filter((what) => what === "restrict").length === wanted);
  }
  assert.ok(!did.includes("reloaded 1"), did.join());
  release();
  await eventually(() => did.includes("reloaded 2"));
  await reloader.stop();
  // Those that came while one ran are one.
  assert.deepEqual(did.slice(-3), ["reloaded 1", "reload 2", "reloaded 2"]);
  assert.equal(did[0], "restrict");
});

Deno.test("a reload that fails is made up for by the next", async () => {
  let reloads = 0;
  const reloader = new Reloader(
    () => Promise.reject(new Error("away")),
    () => ++reloads === 1 ? Promise.reject(new Error("away")) : Promise.resolve(),
  );
  reloader.request();
  await eventually(() => reloads === 1);
  reloader.request();
  await eventually(() => reloads === 2);
  await reloader.stop();
});

Deno.test("a flood of requests is few reloads, one at a time, and the last sees the last state", async () => {
  const debounceMs = 100;
  let state = 0;
  let atWork = 0;
  const seen: number[] = [];
  let restrictions = 0;
  const reloader = new Reloader(
    () => Promise.resolve(void restrictions++),
    async () => {
      assert.equal(++atWork, 1, "two at a time");
      seen.push(state);
      await new Promise((resolve) => setTimeout(resolve, 20));
      atWork--;
    },
  );
  const began = performance.now();
  while (state < 200) {
    state++;
    for (let count = 0; count < 10; count++) reloader.request();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await eventually(() => seen.at(-1) === 200);
  await reloader.stop();
  const most = (performance.now() - began) / debounceMs;
  assert.ok(restrictions <= most, `${restrictions} where ${most} are the most`);
  assert.ok(seen.length <= restrictions, `${seen.length} reloads for ${restrictions}`);
  assert.ok(seen.length > 1, "a flood puts no reload off until it ends");
});
