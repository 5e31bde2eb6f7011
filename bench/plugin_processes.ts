/**
 * What plugin processes cost: memory idle and at work, how much more a plugin does with more of them,
 * how soon one that hangs is stopped, and how long the server's own loop stands still meanwhile.
 *
 *   deno task bench:processes [--plugins=20] [--seconds=5]
 */
import { setTimeout as sleep } from "node:timers/promises";
import { fence, pluginEvent, type TestFence } from "../tests/plugins/fence.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, {
  plugins: { type: "string", default: "20" },
  seconds: { type: "string", default: "5" },
});
const PLUGINS = Number(values.plugins);
const SECONDS = Number(values.seconds);

const SEEING = `exports.processEvent = (event) => { event.properties.seen = true; return event }`;

/** One to two milliseconds of a processor per event. */
const COMPUTING = `exports.processEvent = (event) => {
  const end = Date.now() + 1;
  while (Date.now() <= end);
  return event;
}`;

/** Waits, as for somebody's API. */
const WAITING = `exports.processEvent = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return event;
}`;

const batch = (size: number, from = 0) =>
  Array.from({ length: size }, (_, index) => ({
    ...pluginEvent(from + index, { filler: "x".repeat(800) }),
    distinct_id: `visitor ${(from + index) % 500}`,
  }));

/** MB of each process: its share of what is shared, and what is its own. */
async function memoryOf(pids: readonly number[]): Promise<{ pss: number; own: number }> {
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'for pid in "$@"; do cat "/proc/$pid/smaps_rollup"; done',
      "sh",
      ...pids.map(String),
    ],
  }).output();
  const text = new TextDecoder().decode(stdout);
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}:\\s+(\\d+) kB`, "gm"))]
      .reduce((all, [, kb]) => all + Number(kb), 0) / 1024 / pids.length;
  return { pss: sum("Pss"), own: sum("Private_Clean") + sum("Private_Dirty") };
}

const pidsOf = (fenced: TestFence) => fenced.hosts.hosts.flatMap(({ pids }) => pids);

async function memory(): Promise<void> {
  const plugins = Array.from({ length: PLUGINS }, (_, teamId) => ({ source: SEEING, teamId }));
  await using fenced = fence(plugins, { limits: { heapMb: 128, dataMb: 1_600, nice: 10 } });
  const runAll = (size: number) =>
    Promise.all(plugins.map(({ teamId }) => fenced.run(batch(size), teamId)));
  console.log(`${PLUGINS} plugins, installed: ${pidsOf(fenced).length} processes`);
  await runAll(1);
  await sleep(1_000);
  const report = async (when: string) => {
    const { pss, own } = await memoryOf(pidsOf(fenced));
    console.log(`${when}: ${pss.toFixed(1)} MB PSS, ${own.toFixed(1)} MB private, each`);
  };
  await report("after one event");
  for (let round = 0; round < 100; round++) await runAll(100);
  await report(`after 10,000 events each, at work`);
  await sleep(5_000);
  await report("5 s later");
}

/** Events a second with so many processes, once there are so many. */
async function rate(name: string, source: string, workers: number): Promise<void> {
  await using fenced = fence([{ source }], {
    workers,
    taskTimeoutMs: 30_000,
    limits: { heapMb: 128, dataMb: 1_600, nice: 10 },
  });
  let [done, counting, stopped] = [0, false, false];
  const loops = Array.from({ length: 20 }, async (_, loop) => {
    for (let round = 0; !stopped; round++) {
      await fenced.run(batch(100, loop * 100));
      if (counting) done += 100;
    }
  });
  const patience = performance.now() + 20_000;
  while (pidsOf(fenced).length < workers && performance.now() < patience) await sleep(100);
  counting = true;
  const began = performance.now();
  await sleep(SECONDS * 1000);
  const perSecond = done / (performance.now() - began) * 1000;
  stopped = true;
  console.log(`${name}, ${pidsOf(fenced).length} processes: ${Math.round(perSecond)} events/s`);
  await Promise.all(loops);
}

/** How long after its deadline a hang is over, and how long the server's loop stood still. */
async function hang(name: string, code: string): Promise<void> {
  const taskTimeoutMs = 1_000;
  const source = `exports.processEvent = (event) => {
    if (event.properties.number > 0) { ${code} }
    return event;
  }`;
  const late: number[] = [];
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  for (let round = 0; round < 5; round++) {
    await using fenced = fence([{ source }], { taskTimeoutMs });
    await fenced.run(batch(1));
    const began = performance.now();
    await fenced.run(batch(1, 1));
    late.push(performance.now() - began - taskTimeoutMs);
  }
  clearInterval(timer);
  const sorted = late.toSorted((one, other) => one - other).map(Math.round);
  console.log(
    `${name}: over ${sorted[2]} ms (median), ${sorted[4]} ms (longest) after its deadline; ` +
      `the server's loop stood still for ${Math.round(longest)} ms at most`,
  );
}

await memory();
for (const workers of [1, 2]) await rate("1 to 2 ms of processor per event", COMPUTING, workers);
for (const workers of [1, 2]) await rate("20 ms of waiting per event", WAITING, workers);
await hang("a loop", "for (;;);");
await hang("a promise that never settles", "return new Promise(() => {});");
await hang("a heap bomb", "const all = []; for (;;) all.push({ a: [1, 2, 3] });");
await hang("a log flood", "for (;;) console.log('x'.repeat(1000));");
