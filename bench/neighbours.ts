/**
 * What a plugin's attack costs the plugin beside it: events a second through a well-behaved plugin,
 * alone and then with two attackers of a kind at work, in their first seconds and in those after, when
 * the server knows them; and the longest the server's event loop stood still meanwhile. Each kind is
 * measured against the time before it, in the same run.
 *
 *   deno task bench:neighbours [--seconds=3] [--only=loop]
 */
import { fence, pluginEvent, TEAM, type TestFence } from "../tests/plugins/fence.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, {
  seconds: { type: "string", default: "3" },
  only: { type: "string", default: "" },
});
const SECONDS = Number(values.seconds);

/**
 * What an attacker does with an event; at load where the name says so. The first does nothing, one
 * event after the other: what two more plugins at work cost.
 */
const ATTACKS: Readonly<Record<string, string>> = {
  "two that behave": "",
  "a loop": "for (;;);",
  "a loop in catch and finally": "for (;;) try { throw 1 } catch {} finally { continue }",
  "a loop of microtasks": "for (;;) await null;",
  "a regular expression": "/^(a+)+$/.test('a'.repeat(60) + 'b');",
  "a native sort": "for (;;) Array.from({ length: 1e6 }, Math.random).sort();",
  "a native search": "for (;;) ('a'.repeat(1e7) + 'b').indexOf('a'.repeat(1e6) + 'c');",
  "a BigInt": "for (;;) (3n ** 2_000_000n).toString();",
  "JSON without end":
    "const all = Array(1e5).fill({ a: 1 }); for (;;) JSON.parse(JSON.stringify(all));",
  "a loop at load": "for (;;);",
  "a promise that never settles": "await new Promise(() => {});",
  "a storm of timers":
    "for (let i = 0; i < 1e4; i++) setInterval(() => {}, 0); await new Promise(() => {});",
  "a heap bomb of objects": "const all = []; for (;;) all.push({ a: [1, 2, 3] });",
  "a heap bomb of texts": "const all = []; for (let i = 0;; i++) all.push('x'.repeat(1e6) + i);",
  "a heap bomb of maps": "const all = new Map(); for (let i = 0;; i++) all.set(i, { i });",
  "one huge array": "const all = []; for (;;) all.push(...Array(1e5).fill(1.5));",
  "JSON of a text of 300 MB": "for (;;) JSON.stringify('x'.repeat(3e8)).length;",
  "buffers without end": "const all = []; for (;;) all.push(new Uint8Array(64e6).fill(1));",
  "blobs without end":
    "const part = new Uint8Array(32e6).fill(1), all = []; for (;;) all.push(new Blob([part, part]));",
  "encoded texts without end":
    "const all = [], e = new TextEncoder(), t = 'x'.repeat(3e7); for (;;) all.push(e.encode(t));",
  "a stack overflow": "const deep = () => deep() + 1; try { deep() } catch {}",
  "a flood of calls":
    "for (let i = 0; i < 5e3; i++) meta.storage.get('k').catch(() => {}); await meta.storage.get('k').catch(() => {});",
  "a flood of log lines": "for (let i = 0; i < 1e4; i++) console.log('flood', i);",
  "answers of 1 MB": "event.properties.big = 'x'.repeat(1e6);",
  "workers to fork": "for (let i = 0; i < 100; i++) new Worker('data:text/javascript,for(;;);');",
  "a kill of itself": "process.kill(process.pid, 'SIGKILL');",
  "an exit": "process.exit(1);",
};

const ATTACKERS = [TEAM + 1, TEAM + 2];

/** Each with a plugin of its own; the neighbour's is the first. */
function fenceWith(name: string, attack: string): TestFence {
  const source = name.endsWith("at load")
    ? attack
    : `exports.processEvent = async (event, meta) => { ${attack}; return event }`;
  return fence([
    { source: `exports.processEvent = (event) => { event.properties.seen = true; return event }` },
    ...ATTACKERS.map((teamId) => ({ source, teamId })),
  ], { taskTimeoutMs: 1_000, limits: { heapMb: 128, dataMb: 1_600, nice: 10 } });
}

const batch = Array.from(
  { length: 100 },
  (_, number) => pluginEvent(number, { text: "x".repeat(800) }),
);

/** Events a second for so long, and the longest that the loop stood still, in ms. */
async function work(fenced: TestFence, seconds: number): Promise<{ rate: number; stall: number }> {
  let stall = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    stall = Math.max(stall, now - last);
    last = now;
  }, 1);
  const began = performance.now();
  let events = 0;
  while (performance.now() - began < seconds * 1_000) {
    await Promise.all(Array.from({ length: 4 }, () => fenced.run(batch)));
    events += 4 * batch.length;
  }
  clearInterval(timer);
  return { rate: events / (performance.now() - began) * 1_000, stall };
}

async function measure(name: string, attack: string) {
  await using fenced = fenceWith(name, attack);
  await work(fenced, 1);
  const before = await work(fenced, SECONDS / 2);
  let isOver = false;
  const attacking = ATTACKERS.map(async (teamId) => {
    while (!isOver) {
      await fenced.run([pluginEvent(0)], teamId);
      // A paused plugin answers at once, which would be a loop of ours.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  const first = await work(fenced, SECONDS);
  const then = await work(fenced, SECONDS);
  isOver = true;
  await Promise.all(attacking);
  return { alone: before.rate, first, then };
}

console.log("beside it                     events/s alone  of it at first   then  longest stall");
for (const [name, attack] of Object.entries(ATTACKS)) {
  if (!name.includes(values.only)) continue;
  const { alone, first, then } = await measure(name, attack);
  console.log([
    name.padEnd(29),
    String(Math.round(alone)).padStart(14),
    (first.rate / alone).toFixed(2).padStart(15),
    (then.rate / alone).toFixed(2).padStart(6),
    `${Math.max(first.stall, then.stall).toFixed(0)} ms`.padStart(14),
  ].join(" "));
}
