/**
 * What libraries cost the plugins that import them: the time until the first event came back from a
 * process that was not there, and the memory of that process (proportional share, Linux). Each is
 * measured in a fence of its own, and compared with a plugin that imports nothing in the same round.
 */
import { BUNDLED_LIBRARIES } from "../src/plugins/source/libraries.ts";
import { fence, pluginEvent } from "../tests/plugins/fence.ts";

const ROUNDS = 5;

interface Start {
  readonly ms: number;
  readonly mb: number;
}

async function start(library: string | null): Promise<Start> {
  const line = library === null ? "" : `const library = require(${JSON.stringify(library)});`;
  const source = `${line} exports.processEvent = (event) => event`;
  await using running = fence([{ source }], { taskTimeoutMs: 60_000 });
  const began = performance.now();
  await running.run([pluginEvent(1)]);
  const ms = performance.now() - began;
  const pid = running.hosts.hosts[0]?.pid;
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/smaps_rollup`] })
    .output();
  const pss = /^Pss:\s+(\d+)/m.exec(new TextDecoder().decode(stdout))?.[1];
  return { ms, mb: Number(pss ?? 0) / 1024 };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] as number;
}

const names = [null, ...BUNDLED_LIBRARIES];
const starts = new Map(names.map((name) => [name, [] as Start[]]));
for (let round = 0; round < ROUNDS; round++) {
  for (const name of names) starts.get(name)?.push(await start(name));
}
const bare = starts.get(null) as Start[];
console.log("| library | first event | beyond a bare plugin | memory |");
console.log("| --- | --- | --- | --- |");
for (const [name, all] of starts) {
  const more = median(all.map(({ ms }, round) => ms - (bare[round] as Start).ms));
  const cells = [
    name ?? "(none)",
    `${median(all.map(({ ms }) => ms)).toFixed(0)} ms`,
    name === null ? "" : `${more.toFixed(0)} ms`,
    `${median(all.map(({ mb }) => mb)).toFixed(0)} MB`,
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
