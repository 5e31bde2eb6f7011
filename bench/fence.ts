/**
 * Events through the fence and back, against a bare Web Worker that does the same to the same
 * events with no fence around it: it is sent objects and answers objects (structured clone, which is
 * what `postMessage` does with an event). A second one is sent JSON texts, which is less work than
 * objects are. The three take turns, so that what else the machine does falls on all of them alike.
 *
 *   deno task bench:fence [--seconds=4]
 */
import { parseArgs } from "node:util";
import { ECHO_OBJECTS, ECHO_TEXTS, eventText, startEcho, startHost } from "./fence/parts.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "4" } } });
const SECONDS = Number(values.seconds);

const host = startHost();
const objectEcho = startEcho(ECHO_OBJECTS);
const textEcho = startEcho(ECHO_TEXTS);

/** Medians in ms of each way, by turns. */
async function measure(size: number): Promise<{ fence: number; objects: number; texts: number }> {
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
  const median = (name: typeof names[number]) =>
    times[name].toSorted((one, other) => one - other)[times[name].length >> 1] as number;
  return { fence: median("fence"), objects: median("objects"), texts: median("texts") };
}

console.log(
  "events/s, medians of turns      fence   objects     texts  fence/objects  fence/texts",
);
for (const size of [1, 10, 100, 500]) {
  const { fence, objects, texts } = await measure(size);
  const rate = (ms: number) => String(Math.round(size / ms * 1_000)).padStart(10);
  console.log(
    `batches of ${String(size).padEnd(15)}${rate(fence)}${rate(objects)}${rate(texts)}` +
      `${(objects / fence).toFixed(2).padStart(15)}${(texts / fence).toFixed(2).padStart(13)}`,
  );
}
Deno.exit(0);
