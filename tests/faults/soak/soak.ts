/**
 * A long run under steady load on both ways in, while plugins are reloaded, plugin processes die and
 * Postgres is restarted: nothing may be lost or stored twice, and memory and latency have to stay as
 * they were. `deno task soak [--minutes=60] [--every=10] [--seed=1]`; exit code 1 where they do not.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { installServices } from "../../services/install.ts";
import { seededRandom } from "../../services/random.ts";
import { type Arena, createArena, startDatabases } from "../matrix/arena.ts";
import { FAULTS } from "../matrix/faults.ts";
import { SOURCES, startLoad } from "../matrix/load.ts";
import { checkPeople, checkRest, outcomes, untilStored } from "../matrix/outcome.ts";
import { type Flatness, flatness, type Third } from "./flatness.ts";
import { PROBE_DISTINCT_ID } from "./probe.ts";
import { type Sampling, startSampling } from "./samples.ts";
import { optionsOf } from "../../../bench/options.ts";

const values = optionsOf(import.meta.url, {
  minutes: { type: "string", default: "60" },
  every: { type: "string", default: "10" },
  seed: { type: "string", default: String(Date.now() % 100_000) },
});
const MINUTES = Number(values.minutes);
const EVERY_MS = Number(values.every) * 1_000;
const random = seededRandom(Number(values.seed));

/** Not counted: the server's first half minute, or the first tenth of a short run. */
const WARM_UP_MS = Math.min(30_000, MINUTES * 6_000);
/** Generous: machines are busy with other things, and collectors take their time. */
const MEMORY_BOUNDS = { warmUpMs: WARM_UP_MS, factor: 1.3, slack: 64 };
const LATENCY_BOUNDS = { warmUpMs: WARM_UP_MS, factor: 2, slack: 50 };
/** How long after a disturbance the server may still be busy with what waited. */
const SETTLE_MS = 3_000;

interface Disturbance {
  readonly name: string;
  strike(arena: Arena): Promise<number | void>;
}

function fault(name: string): Disturbance {
  const found = FAULTS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no fault '${name}'`);
  return { name, strike: (arena) => found.strike(arena, random, { holdMs: 1_000 }) };
}

/** The plugin gets a new version, which takes the place of the one that runs. */
const RELOAD: Disturbance = {
  name: "plugin reloaded",
  async strike({ database, redis }) {
    await database.query(
      `UPDATE posthog_plugin SET source = source || ' // again', updated_at = now()`,
    );
    await redis.publish("reload-plugins", "");
  },
};
const CRASH = fault("kill -9 of every plugin process");
const RESTART = fault("Postgres restarted");
const TURNS: readonly Disturbance[] = [RELOAD, CRASH, RELOAD, CRASH, RELOAD, RESTART];

/** Disturbances in turn until the time is over; how often each was. */
async function disturb(
  arena: Arena,
  end: number,
  sampling: Sampling,
): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (let turn = 0;; turn++) {
    const pause = EVERY_MS * (0.5 + random());
    if (performance.now() + pause + SETTLE_MS > end) {
      await sleep(Math.max(0, end - performance.now()));
      return times;
    }
    await sleep(pause);
    const disturbance = TURNS[turn % TURNS.length] as Disturbance;
    await sampling.pause();
    await disturbance.strike(arena);
    times.set(disturbance.name, (times.get(disturbance.name) ?? 0) + 1);
    await sleep(SETTLE_MS);
    sampling.resume();
  }
}

function row(name: string, unit: string, { thirds, verdict }: Flatness): string {
  const cell = ({ count, median, p95 }: Third) =>
    count === 0 ? "-" : `${median.toFixed(0)} ${unit} (${p95.toFixed(0)}) of ${count}`;
  return `| ${[name, ...thirds.map(cell), verdict].join(" | ")} |`;
}

async function soak(directory: string): Promise<boolean> {
  await using databases = await startDatabases(directory);
  await using arena = await createArena(databases, directory);
  const server = await arena.startServer();
  const load = startLoad({ ...arena, addresses: () => [server.address] });
  const sampling = startSampling(arena);
  const began = performance.now();
  const said = setInterval(() => {
    const minutes = ((performance.now() - began) / 60_000).toFixed(0);
    const memory = sampling.memoryMb.at(-1)?.value.toFixed(0);
    const latency = sampling.latencyMs.at(-1)?.value.toFixed(0) ?? "?";
    const accepted = load.accepted.http.size + load.accepted.celery.size;
    const probes = `${latency} ms (probe ${sampling.latencyMs.length})`;
    console.log(`${minutes} min: ${accepted} events, ${memory} MB, ${probes}`);
  }, 60_000);
  try {
    const times = await Promise.race([
      disturb(arena, began + MINUTES * 60_000, sampling),
      sampling.broken,
    ]);
    await sampling.stop();
    await load.end();
    await untilStored(arena, load.accepted);
    await checkRest(arena);
    await checkPeople(arena.database, load.accepted, [PROBE_DISTINCT_ID]);
    const found = await outcomes(arena.database, load.accepted);
    const memory = flatness(sampling.memoryMb, MEMORY_BOUNDS);
    const latency = flatness(sampling.latencyMs, LATENCY_BOUNDS);
    const lines = [...times].map(([name, count]) => `${name}: ${count} times`);
    console.log(`${MINUTES} minutes, seed ${values.seed}; ${lines.join(", ")}`);
    console.log("| source | events sent | lost | stored twice |\n| --- | --- | --- | --- |");
    for (const source of SOURCES) {
      const { sent, lost, duplicated } = found[source];
      console.log(`| ${source} | ${sent} | ${lost} | ${duplicated} |`);
    }
    console.log("\n| median (95th percentile) of samples | first third | second | last | |");
    console.log("| --- | --- | --- | --- | --- |");
    console.log(row("memory of the server", "MB", memory));
    console.log(row("one event, sent to stored", "ms", latency));
    const { failures, latencyMs } = sampling;
    console.log(`\n${failures.length} of ${latencyMs.length} probes failed`);
    for (const failure of failures) console.log(`- ${failure}`);
    const isWhole = SOURCES.every((source) =>
      found[source].sent > 0 && found[source].lost + found[source].duplicated === 0
    );
    return isWhole && memory.verdict === "flat" && latency.verdict === "flat";
  } catch (error) {
    throw new Error(`${error}\n${server.output().slice(-4_000)}`, { cause: error });
  } finally {
    clearInterval(said);
    await load.end().catch(() => {});
    await sampling.stop().catch(() => {});
  }
}

const directory = await Deno.makeTempDir({ prefix: "paddock-soak-" });
await Deno.chmod(directory, 0o755);
let isWell = false;
try {
  await installServices();
  isWell = await soak(directory);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
} finally {
  await Deno.remove(directory, { recursive: true });
}
Deno.exit(isWell ? 0 : 1);
