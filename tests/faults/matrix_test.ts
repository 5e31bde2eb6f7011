/**
 * Every fault, while events come in steadily both ways, at random moments: nothing is lost, nothing
 * is stored twice, people are right, health is honest, and nobody has to do anything.
 * `PADDOCK_FAULT_SEED` repeats a run; `deno task test:faults` makes more and longer ones.
 */
import assert from "node:assert/strict";
import { seededRandom } from "../services/random.ts";
import { type Databases, startDatabases } from "./matrix/arena.ts";
import { fullDisk, mountSmallDisk, whyNoSmallDisk } from "./matrix/disk_faults.ts";
import { type Fault, FAULTS } from "./matrix/faults.ts";
import { runFaults } from "./matrix/run_fault.ts";
import { SOURCES } from "./matrix/load.ts";

const seed = Number(Deno.env.get("PADDOCK_FAULT_SEED") ?? Date.now() % 100_000);
const TIMES = { holdMs: 4_000 };

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "paddock-faults-" });
  await Deno.chmod(directory, 0o755);
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function endure(
  faults: readonly Fault[],
  databases: Databases,
  directory: string,
): Promise<void> {
  const { sources } = await runFaults(faults, databases, directory, seededRandom(seed), TIMES)
    .catch((error) => {
      throw new Error(`seed ${seed}: ${error}`);
    });
  for (const source of SOURCES) {
    const { sent, lost, duplicated } = sources[source];
    assert.ok(sent > 0, `nothing was sent by ${source}`);
    assert.deepEqual({ lost, duplicated }, { lost: 0, duplicated: 0 }, `seed ${seed}, ${source}`);
  }
}

Deno.test("every fault in turn, under load: all is stored once, and nobody does anything", async () => {
  await withDirectory(async (directory) => {
    await using databases = await startDatabases(directory);
    await endure(FAULTS, databases, directory);
  });
});

const refusal = await whyNoSmallDisk();

Deno.test({
  name: "a full disk under load: all is stored once there is room again" +
    (refusal === null ? "" : ` (NOT TRIED: ${refusal})`),
  // A mocked error would prove nothing.
  ignore: refusal !== null,
  fn: () =>
    withDirectory(async (directory) => {
      await using disk = await mountSmallDisk(`${directory}/disk`);
      await using databases = await startDatabases(directory, `${disk.path}/postgres`);
      await endure([fullDisk(disk)], databases, directory);
    }),
});
