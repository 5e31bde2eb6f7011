/**
 * What libraries cost the plugins that import them: the time until the first event came back from a
 * process that was not there, and the memory of that process (proportional share, Linux). Each is
 * measured in a fence of its own, several times in turn; the fastest start counts, as what slows one
 * down is what else the machine does.
 */
import { BUNDLED_LIBRARIES } from "../src/plugins/source/libraries.ts";
import { fence, pluginEvent } from "../tests/plugins/fence.ts";

const ROUNDS = 7;

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

const least = (values: readonly number[]) => Math.min(...values);

const names = [null, ...BUNDLED_LIBRARIES];
const starts = new Map(names.map((name) => [name, [] as Start[]]));
for (let round = 0; round < ROUNDS; round++) {
  for (const name of names) starts.get(name)?.push(await start(name));
}
const bareMs = least((starts.get(null) as Start[]).map(({ ms }) => ms));
console.log("| library | first event | beyond a plugin without | memory |");
console.log("| --- | --- | --- | --- |");
for (const [name, all] of starts) {
  const ms = least(all.map((each) => each.ms));
  const cells = [
    name ?? "(none)",
    `${ms.toFixed(0)} ms`,
    name === null ? "" : `${(ms - bareMs).toFixed(0)} ms`,
    `${least(all.map(({ mb }) => mb)).toFixed(0)} MB`,
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
