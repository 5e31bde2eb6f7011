/** A real Postgres below BASE_DIR, for servers that are given no other. */
import { hash } from "node:crypto";
import { PaddockError } from "../../errors.ts";
import { Cluster, runningConnectionString } from "./cluster.ts";

export interface EmbeddedStorage {
  readonly connectionString: string;
  /** Where the data lies. */
  readonly dataDir: string;
  /** Stops what this opened; a server that somebody else runs goes on. */
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  readonly baseDir: string;
  /** Use the Postgres of a server that runs on this directory, instead of refusing. */
  readonly shared: boolean;
}

/**
 * Opens the embedded storage of a BASE_DIR, made on first use.
 * @throws PaddockError PDK_DIRECTORY_IN_USE where another server runs on it; PDK_EMBEDDED_FAILED
 */
export async function openEmbeddedStorage(options: EmbeddedOptions): Promise<EmbeddedStorage> {
  const own = `${options.baseDir}/.paddock`;
  await Deno.mkdir(own, { recursive: true });
  const directory = await clusterDirectory(await Deno.realPath(own));
  const lock = await Deno.open(`${own}/lock`, { create: true, read: true, write: true });
  // The kernel lets go of it when this process ends, however it ends.
  if (!await lock.tryLock(true)) {
    const holder = (await Deno.readTextFile(`${own}/lock`)).trim();
    lock.close();
    const connectionString = options.shared ? await runningConnectionString(directory) : null;
    if (connectionString !== null) {
      return { connectionString, dataDir: directory, close: () => Promise.resolve() };
    }
    throw new PaddockError(
      "PDK_DIRECTORY_IN_USE",
      `another Paddock (pid ${holder || "unknown"}) uses ${own}`,
    );
  }
  await lock.truncate();
  await lock.write(new TextEncoder().encode(`${Deno.pid}\n`));
  const cluster = new Cluster(directory);
  try {
    await cluster.start();
  } catch (error) {
    lock.close();
    throw error;
  }
  return {
    connectionString: cluster.connectionString,
    dataDir: directory,
    async close() {
      await cluster.stop();
      lock.close();
    },
  };
}

/** Whether a server runs on the embedded storage of a BASE_DIR; starts and makes nothing. */
export async function embeddedStorageRuns(baseDir: string): Promise<boolean> {
  const path = `${baseDir}/.paddock/lock`;
  const lock = await Deno.open(path, { read: true, write: true }).catch(() => null);
  if (lock === null) return false;
  try {
    return !await lock.tryLock(true);
  } finally {
    lock.close();
  }
}

/**
 * Below BASE_DIR; but where this is root and `nobody`, whom Postgres runs as then, cannot get there
 * (a home of root's), below /var/lib.
 */
async function clusterDirectory(own: string): Promise<string> {
  if (Deno.uid() !== 0 || await isReachableByAll(own)) return `${own}/postgres`;
  return `/var/lib/paddock/${hash("sha256", own, "hex").slice(0, 16)}`;
}

async function isReachableByAll(path: string): Promise<boolean> {
  for (let folder = path; folder !== ""; folder = folder.slice(0, folder.lastIndexOf("/"))) {
    const { mode } = await Deno.stat(folder);
    if (((mode ?? 0) & 0o001) === 0) return false;
  }
  return true;
}
