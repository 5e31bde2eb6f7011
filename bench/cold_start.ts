/**
 * How long a plugin that is installed takes until its first event is through, over what Deno takes
 * to start an empty program with the same command: by turns, in one run.
 *
 *   deno task bench:start [--rounds=30]
 */
import { hostCommand } from "../src/plugins/hosts/host_command.ts";
import { eventText, startHost } from "./fence/parts.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, { rounds: { type: "string", default: "30" } });
const ROUNDS = Number(values.rounds);

/** A runtime that does nothing but say that it runs. */
const emptyRuntime = `${await Deno.makeTempDir()}/`;
await Deno.writeTextFile(`${emptyRuntime}host.ts`, "Deno.stdout.writeSync(new Uint8Array(1));\n");

async function emptyProgram(): Promise<number> {
  const began = performance.now();
  const limits = { heapMb: 128, dataMb: 1_600, nice: 0 };
  const child = hostCommand(emptyRuntime, [], null, limits, []).spawn();
  const output = child.stdout.getReader();
  await output.read();
  const took = performance.now() - began;
  await output.cancel();
  await Promise.all([child.stdin.close(), child.stderr.cancel(), child.status]);
  return took;
}

async function firstEvent(): Promise<number> {
  const text = eventText(0);
  const host = startHost();
  const began = performance.now();
  await host.process(1, [text]);
  const took = performance.now() - began;
  await host.stop(0);
  return took;
}

const [empty, first]: [number[], number[]] = [[], []];
for (let round = 0; round < ROUNDS; round++) {
  empty.push(await emptyProgram());
  first.push(await firstEvent());
}
await Deno.remove(emptyRuntime, { recursive: true });

const median = (all: readonly number[]) =>
  all.toSorted((one, other) => one - other)[all.length >> 1] as number;
const show = (ms: number) => `${ms.toFixed(0)} ms`;
console.log(`an empty program:     ${show(median(empty))}`);
console.log(`a plugin's first event: ${show(median(first))}`);
console.log(`over the process's own start: ${show(median(first) - median(empty))} (medians)`);
