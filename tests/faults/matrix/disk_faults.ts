/** A full disk: a small file system of its own, for the data of Postgres. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./faults.ts";

const SIZE_MB = 320;
const CHUNK = new Uint8Array(64 * 1024);

/** A small disk that is mounted at `path`. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
}

/**
 * Mounts it.
 * @throws Error where this machine does not let it be mounted
 */
export async function mountSmallDisk(path: string): Promise<SmallDisk> {
  await Deno.mkdir(path, { recursive: true });
  await run("mount", "-t", "tmpfs", "-o", `size=${SIZE_MB}m`, "paddock", path);
  return { path, [Symbol.asyncDispose]: () => run("umount", path) };
}

/** Why none can be mounted here, or null. */
export async function whyNoSmallDisk(): Promise<string | null> {
  const path = await Deno.makeTempDir({ prefix: "paddock-disk-" });
  try {
    await using _disk = await mountSmallDisk(path);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await Deno.remove(path);
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}

/** The disk is full to the last byte for a while, then somebody makes room. */
export function fullDisk(disk: SmallDisk): Fault {
  return {
    name: "the disk of Postgres is full",
    servers: 1,
    health: "store",
    noticedAfterMs: 3_000,
    async strike({ databases: { postgres }, database }, _random, { holdMs }) {
      const filler = `${disk.path}/filler`;
      await fill(filler);
      const fullSince = performance.now();
      // Of what Postgres freed in between as well, and of room in its own files.
      const end = performance.now() + holdMs;
      while (performance.now() < end) {
        await fill(filler);
        await sleep(100);
      }
      await Deno.remove(filler);
      // Without room for its log Postgres gives up; whoever watches over it starts it again.
      const answers = await database.query("SELECT 1").then(() => true, () => false);
      if (!answers) {
        await postgres.service.stop();
        await postgres.start();
      }
      return fullSince;
    },
  };
}

/** Appends until nothing more fits. */
async function fill(path: string): Promise<void> {
  using file = await Deno.open(path, { create: true, append: true });
  for (let size = CHUNK.length; size >= 1;) {
    try {
      const written = await file.write(CHUNK.subarray(0, size));
      if (written < size) size = Math.min(written, size) || 0;
    } catch {
      size >>= 1;
    }
  }
}
