/**
 * What a plugin's attack costs the plugin beside it: events a second through a well-behaved plugin,
 * alone and with two attackers of a kind working without pause, and the longest the server's event
 * loop stood still meanwhile.
 *
 *   deno run -P=tools bench/neighbours.ts [--seconds=4]
 */
import { parseArgs } from "node:util";
import { fence, pluginEvent, TEAM } from "../tests/plugins/fence.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "4" } } });
const SECONDS = Number(values.seconds);

const ATTACKS: Readonly<Record<string, string | null>> = {
  "nobody": null,
  "a busy loop": "for (;;);",
  "a regular expression": "/^(a+)+$/.test('a'.repeat(60) + 'b');",
  "a heap bomb": "const all = []; for (;;) all.push({ a: [1, 2, 3] });",
  "buffers without end": "const all = []; for (;;) all.push(new Uint8Array(64e6).fill(1));",
  "a log flood": "for (let i = 0; i < 1e4; i++) console.log('flood', i);",
  "a flood of calls":
    "for (let i = 0; i < 5e3; i++) meta.storage.get('k').catch(() => {}); await meta.storage.get('k').catch(() => {});",
  "replies of 4 MB": "event.properties.big = 'x'.repeat(4e6);",
};

const ATTACKERS = 2;

async function measure(attack: string | null): Promise<{ rate: number; longest: number }> {
  const attackers = Array.from({ length: ATTACKERS }, (_, index) => ({
    source: `exports.processEvent = async (event, meta) => { ${attack ?? ""}; return event }`,
    teamId: TEAM + 1 + index,
  }));
  await using fenced = fence([
    {
      source: `exports.processEvent = (event) => { event.properties.seen = true; return event }`,
    },
    ...(attack === null ? [] : attackers),
  ], { taskTimeoutMs: 1_000, limits: { heapMb: 128, dataMb: 1_600, nice: 10 } });
  let isOver = false;
  const attacking = (attack === null ? [] : attackers).map(async ({ teamId }) => {
    while (!isOver) {
      await fenced.run([pluginEvent(0)], teamId);
      // A paused plugin answers at once, which would be a loop of ours.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  const batch = Array.from(
    { length: 100 },
    (_, number) => pluginEvent(number, { text: "x".repeat(800) }),
  );
  await fenced.run(batch);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  const began = performance.now();
  let events = 0;
  while (performance.now() - began < SECONDS * 1000) {
    await Promise.all(Array.from({ length: 4 }, () => fenced.run(batch)));
    events += 4 * batch.length;
  }
  const rate = events / (performance.now() - began) * 1000;
  clearInterval(timer);
  isOver = true;
  await Promise.all(attacking);
  return { rate, longest };
}

console.log("beside it              events/s  of alone  longest stall of the server's loop");
let alone = 0;
for (const [name, attack] of Object.entries(ATTACKS)) {
  const { rate, longest } = await measure(attack);
  if (attack === null) alone = rate;
  console.log([
    name.padEnd(22),
    String(Math.round(rate)).padStart(8),
    (rate / alone).toFixed(2).padStart(9),
    `${longest.toFixed(0)} ms`.padStart(10),
  ].join(" "));
}
