/**
 * Events through the fence and back, against a bare Web Worker that does the same to the same
 * events with no fence around it: it is sent objects and answers objects (structured clone, which is
 * what `postMessage` does with an event). A second one is sent JSON texts, which is less work than
 * objects are. The three take turns, so that what else the machine does falls on all of them alike.
 *
 *   deno task bench:fence [--seconds=4]
 */
import { ECHO_OBJECTS, ECHO_TEXTS, eventText, startEcho, startHost } from "./fence/parts.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, { seconds: { type: "string", default: "4" } });
const SECONDS = Number(values.seconds);

const host = startHost();
const objectEcho = startEcho(ECHO_OBJECTS);
const textEcho = startEcho(ECHO_TEXTS);

/** Times in ms of each way, by turns, from the shortest to the longest. */
async function measure(size: number) {
  const bytes = Array.from({ length: size }, (_, number) => eventText(number));
  const texts = bytes.map((text) => new TextDecoder().decode(text));
  const objects = texts.map((text) => JSON.parse(text));
  const ways = {
    fence: () => host.process(1, bytes),
    objects: () => objectEcho.ask(objects),
    texts: () => textEcho.ask(texts),
  };
  const times = { fence: [] as number[], objects: [] as number[], texts: [] as number[] };
  const names = ["fence", "objects", "texts"] as const;
  const warmUntil = performance.now() + 1_000;
  while (performance.now() < warmUntil) for (const name of names) await ways[name]();
  const until = performance.now() + SECONDS * 1_000;
  while (performance.now() < until) {
    for (const name of names) {
      const began = performance.now();
      await ways[name]();
      times[name].push(performance.now() - began);
    }
  }
  for (const name of names) times[name].sort((one, other) => one - other);
  return times;
}

/** The time that this share of all was not above. */
const quantile = (times: readonly number[], share: number) =>
  times[Math.floor(times.length * share)] as number;

console.log(
  "events/s (medians)              fence   objects     texts   fence/objects  of the best quarters",
);
for (const size of [1, 10, 100, 500]) {
  const { fence, objects, texts } = await measure(size);
  const rate = (times: readonly number[]) =>
    String(Math.round(size / quantile(times, 0.5) * 1_000)).padStart(10);
  const ratio = (share: number) => (quantile(objects, share) / quantile(fence, share)).toFixed(2);
  console.log(
    `batches of ${String(size).padEnd(15)}${rate(fence)}${rate(objects)}${rate(texts)}` +
      ratio(0.5).padStart(16) + ratio(0.25).padStart(22),
  );
}
Deno.exit(0);
