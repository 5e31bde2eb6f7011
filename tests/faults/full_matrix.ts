/**
 * The fault suite at full size: every fault several times, long ones for half a minute, and the table
 * of docs/guarantees.md. `deno task test:faults [--rounds=5] [--hold=30] [--seed=1] [--only=Redis]`
 */
import { installServices } from "../services/install.ts";
import { seededRandom } from "../services/random.ts";
import { startDatabases } from "./matrix/arena.ts";
import { fullDisk, mountSmallDisk } from "./matrix/disk_faults.ts";
import { type Fault, FAULTS } from "./matrix/faults.ts";
import { type Outcome, runFaults } from "./matrix/run_fault.ts";
import { SOURCES } from "./matrix/load.ts";
import { TABLE_HEAD, tableLines } from "./matrix/table.ts";
import { optionsOf } from "../../bench/options.ts";

const values = optionsOf(import.meta.url, {
  rounds: { type: "string", default: "5" },
  hold: { type: "string", default: "30" },
  seed: { type: "string", default: String(Date.now() % 100_000) },
  only: { type: "string", default: "" },
});
const times = { holdMs: Number(values.hold) * 1_000 };
const directory = await Deno.makeTempDir({ prefix: "paddock-faults-" });
await Deno.chmod(directory, 0o755);
const lines: string[] = [];
let failures = 0;

/** Rounds of one fault; a failed one is said and counted, and the others go on. */
async function rounds(
  fault: Fault,
  run: (random: () => number) => Promise<Outcome>,
): Promise<void> {
  const outcomes: Outcome[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const seed = Number(values.seed) + round;
    try {
      const outcome = await run(seededRandom(seed));
      outcomes.push(outcome);
      for (const source of SOURCES) {
        const { lost, duplicated } = outcome.sources[source];
        if (lost + duplicated > 0) failures++;
      }
      console.log(`${fault.name}, seed ${seed}: ${JSON.stringify(outcome)}`);
    } catch (error) {
      failures++;
      console.error(`seed ${seed}: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (outcomes.length > 0) lines.push(...tableLines(fault.name, outcomes));
}

try {
  await installServices();
  const chosen = FAULTS.filter(({ name }) => name.includes(values.only));
  if (chosen.length > 0) {
    await using databases = await startDatabases(directory);
    for (const fault of chosen) {
      await rounds(fault, (random) => runFaults([fault], databases, directory, random, times));
    }
  }
  await using disk = await mountSmallDisk(`${directory}/disk`);
  const fault = fullDisk(disk);
  if (fault.name.includes(values.only)) {
    await using databases = await startDatabases(directory, `${disk.path}/postgres`);
    await rounds(fault, (random) => runFaults([fault], databases, directory, random, times));
  }
} finally {
  console.log([...TABLE_HEAD, ...lines].join("\n"));
  await Deno.remove(directory, { recursive: true });
}
Deno.exit(failures === 0 ? 0 : 1);
