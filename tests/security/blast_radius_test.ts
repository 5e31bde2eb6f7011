/** A plugin that loops, floods, leaks or dies costs only the event it did it for. */
import assert from "node:assert/strict";
import { fence, pluginEvent, propertiesOf } from "../plugins/fence.ts";

/** Runs on the one event in the middle of a batch. */
const ATTACKS: readonly (readonly [name: string, code: string])[] = [
  ["a busy loop", "for (;;);"],
  ["a loop in finally", "for (;;) { try { throw 1 } catch {} finally { continue } }"],
  ["a loop of microtasks", "const spin = () => Promise.resolve().then(spin); return spin();"],
  ["a catastrophic expression", "/^(a+)+$/.test('a'.repeat(60) + 'b');"],
  ["a promise that never settles", "return new Promise(() => {});"],
  ["a thenable that never settles", "return { then() {} };"],
  ["a heap bomb of objects", "const all = []; for (;;) all.push({ a: [1, 2, 3] });"],
  [
    "a heap bomb of text",
    "let t = 'x'; const all = []; for (;;) { t += t.slice(0, 1e6); all.push(t + 'y') }",
  ],
  ["one huge array", "new Array(3e8).fill(1.5);"],
  ["buffers without end", "const all = []; for (;;) all.push(new Uint8Array(64e6).fill(1));"],
  ["a stack overflow", "const deep = () => deep() + 1; return deep();"],
  [
    "a huge text to print",
    "JSON.stringify('x'.repeat(3e8) + 'y'); JSON.stringify(['x'.repeat(5e8)]);",
  ],
  ["a reply that is too large", "event.properties.big = 'x'.repeat(2e7); return event;"],
  ["timers without end", "for (let i = 0; i < 1e5; i++) setInterval(() => {}, 0); for (;;);"],
];

for (const [name, code] of ATTACKS) {
  Deno.test(`${name} costs its own event only`, async () => {
    await using fenced = fence([
      {
        source: `exports.processEvent = (event) => {
          if (event.properties.number === 3) { ${code} }
          event.properties.seen = true;
          return event;
        }`,
      },
      {
        source:
          `exports.processEvent = (event) => { event.properties.neighbour = true; return event }`,
      },
    ], { taskTimeoutMs: 500 });
    const batch = Array.from({ length: 6 }, (_, number) => pluginEvent(number));
    const outcomes = await fenced.run(batch);
    const properties = propertiesOf(outcomes);
    for (const index of [0, 1, 2, 4, 5]) {
      assert.deepEqual(
        properties[index],
        { number: index, seen: true, neighbour: true },
        String(index),
      );
    }
    assert.deepEqual(properties[3], { number: 3, neighbour: true });
    assert.deepEqual(outcomes[3]?.failed, ["Plugin 1 (1)"]);
    assert.ok(fenced.failures.length >= 1);
    // It works on: the next batch is as good as new.
    assert.deepEqual(propertiesOf(await fenced.run([pluginEvent(9)])), [
      { number: 9, seen: true, neighbour: true },
    ]);
  });
}

Deno.test("a plugin that always hangs is paused, and its events pass it by", async () => {
  await using fenced = fence([{ source: `exports.processEvent = () => { for (;;); }` }], {
    taskTimeoutMs: 150,
  });
  for (let batch = 0; batch < 3; batch++) {
    const outcomes = await fenced.run([0, 1, 2, 3].map((number) => pluginEvent(number)));
    assert.ok(outcomes.every(({ json }) => json !== null));
    assert.ok(outcomes.every(({ failed }) => failed.length === 1));
  }
  assert.match(fenced.logText(), /did not come to an end within 0\.15 s/);
  assert.match(fenced.logText(), /paused for 10 s/);
});

Deno.test("code that loops while it loads is stopped", async () => {
  await using fenced = fence([{ source: `for (;;);` }], { taskTimeoutMs: 200 });
  const [outcome] = await fenced.run([pluginEvent(0)]);
  assert.deepEqual(outcome?.failed, ["Plugin 1 (1)"]);
});

Deno.test("the server's own loop is not held up by a plugin's", async () => {
  await using fenced = fence([{ source: `exports.processEvent = () => { for (;;); }` }], {
    taskTimeoutMs: 1_000,
  });
  const running = fenced.run([pluginEvent(0)]);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 5);
  await running;
  clearInterval(timer);
  // Generous: what is told apart is a loop that breathes from one that stands still for a second.
  assert.ok(longest < 500, `${longest} ms`);
});
