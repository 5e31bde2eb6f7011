/** Who is stopped at the deadline, and who is not. */
import assert from "node:assert/strict";
import { fence, pluginEvent, propertiesOf } from "../fence.ts";

/** What keeps a worker from ending its work, or from saying that it did not. */
const HANGS: readonly (readonly [name: string, code: string])[] = [
  [
    "a loop of microtasks that goes on printing",
    "const spin = () => { console.log('x'.repeat(9000)); return Promise.resolve().then(spin) }; return spin();",
  ],
  [
    "a loop of microtasks that goes on asking",
    `const spin = async () => {
       for (;;) {
         meta.cache.get('x'.repeat(50000), 0).catch(() => {});
         for (let i = 0; i < 1e6; i++);
         await null;
       }
     };
     return spin();`,
  ],
  [
    "a promise that never settles, with every timer cleared",
    "for (let i = 0; i < 1e5; i++) { clearTimeout(i); clearInterval(i) } return new Promise(() => {});",
  ],
  [
    "every timer cleared again and again",
    `setInterval(() => { for (let i = 0; i < 1e5; i++) clearTimeout(i) }, 1);
     return new Promise(() => {});`,
  ],
];

for (const [name, code] of HANGS) {
  Deno.test(`${name} is stopped at the deadline`, async () => {
    await using fenced = fence([{
      source: `exports.processEvent = (event, meta) => {
        if (event.properties.number === 1) { ${code} }
        event.properties.seen = true;
        return event;
      }`,
    }], { taskTimeoutMs: 1_300 });
    const began = performance.now();
    const outcomes = await fenced.run([0, 1, 2].map((number) => pluginEvent(number)));
    assert.deepEqual(propertiesOf(outcomes), [
      { number: 0, seen: true },
      { number: 1 },
      { number: 2, seen: true },
    ]);
    assert.equal(outcomes[1]?.failed.length, 1);
    // Twice, as the culprit is looked for; generous beyond that.
    assert.ok(performance.now() - began < 20_000);
  });
}

Deno.test("a process that has nothing to do is not taken for one that hangs", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = (event) => event;`,
  }], { taskTimeoutMs: 300 });
  await fenced.run([pluginEvent(0)]);
  const [host] = fenced.hosts.hosts;
  const pid = host?.pid;
  await new Promise((resolve) => setTimeout(resolve, 6_500));
  assert.equal(host?.pid, pid);
  assert.doesNotMatch(fenced.logText(), /stopped/);
});

Deno.test("a process that loops on its own, without work, is stopped too [5.timeouts]", async () => {
  await using fenced = fence([{
    source:
      `exports.processEvent = (event) => { setTimeout(() => { for (;;); }, 20); return event }`,
  }], { taskTimeoutMs: 300 });
  await fenced.run([pluginEvent(0)]);
  const [host] = fenced.hosts.hosts;
  const pid = host?.pid;
  for (let look = 0; look < 100 && host?.pid === pid; look++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.notEqual(host?.pid, pid);
  assert.match(fenced.logText(), /did not come to an end/);
});
