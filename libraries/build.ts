/**
 * Bundles the libraries that plugins import into a file each, for the runtime to evaluate. Run it
 * after changing a version in `packages.json`: `deno task libraries`. With `--check` nothing is
 * written, and it fails where what is there is not what would be.
 *
 * The same packages give the same bytes: versions are pinned by `packages.lock`, and neither a path
 * nor a time is part of a bundle.
 */
import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { builtinModules } from "node:module";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import * as esbuild from "esbuild";
import { collectLicenses } from "./licenses.ts";

const HERE = fileURLToPath(import.meta.resolve("./"));
const OUT = fileURLToPath(import.meta.resolve("../plugins_runtime/libraries/"));

/** Name that plugins import → file here that is bundled in its place, if not the package itself. */
const LIBRARIES: Readonly<Record<string, string | null>> = {
  "@google-cloud/bigquery": null,
  "@google-cloud/pubsub": null,
  "@google-cloud/storage": null,
  "@posthog/plugin-contrib": null,
  "aws-sdk": "aws_s3.js",
  "faker": null,
  "generic-pool": null,
  "jsonwebtoken": null,
  "pg": null,
  "snowflake-sdk": null,
};

/** Native code and test doubles that the libraries do without where they are missing. */
const OPTIONAL: ReadonlySet<string> = new Set(["encoding", "fast-crc32c", "pg-native"]);

/** What of a bundle is told to the runtime's tests. */
interface ManifestEntry {
  readonly version: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Of Node's modules, those that it requires. */
  readonly builtins: readonly string[];
}

async function main(): Promise<void> {
  const isCheck = Deno.args.includes("--check");
  const folder = await install();
  try {
    const manifest: Record<string, ManifestEntry> = {};
    const inputs = new Set<string>();
    const stale: string[] = [];
    for (const [name, entry] of Object.entries(LIBRARIES)) {
      const { text, builtins } = await bundle(folder, name, entry, inputs);
      const sha256 = createHash("sha256").update(text).digest("hex");
      manifest[name] = {
        version: await versionOf(folder, name),
        bytes: text.length,
        sha256,
        builtins,
      };
      console.log(`${name}: ${Math.round(text.length / 1024)} KiB`);
      if (isCheck) {
        if (!(await readBundle(name))?.equals(text)) stale.push(name);
      } else await Deno.writeFile(fileOf(name), compress(text));
    }
    const texts: Record<string, string> = {
      "manifest.json": `${JSON.stringify(manifest, null, 2)}\n`,
      "LICENSES.txt": await collectLicenses([...inputs]),
    };
    for (const [file, text] of Object.entries(texts)) {
      if (!isCheck) await Deno.writeTextFile(`${OUT}${file}`, text);
      else if (await Deno.readTextFile(`${OUT}${file}`) !== text) stale.push(file);
    }
    if (stale.length > 0) throw new Error(`not what would be built: ${stale.join(", ")}`);
  } finally {
    await esbuild.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

/** A folder with the packages, as `packages.lock` has them. */
async function install(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "paddock-libraries-" });
  for (const name of ["packages.json", "packages.lock"]) {
    await Deno.copyFile(`${HERE}${name}`, `${folder}/${name}`);
  }
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", "--frozen", "--config", "packages.json"],
    cwd: folder,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return folder;
}

async function bundle(
  folder: string,
  name: string,
  entry: string | null,
  inputs: Set<string>,
): Promise<{ readonly text: Uint8Array; readonly builtins: readonly string[] }> {
  const builtins = new Set<string>();
  const contents = entry === null
    ? `module.exports = require(${JSON.stringify(name)});`
    : await Deno.readTextFile(`${HERE}entries/${entry}`);
  const { outputFiles, metafile } = await esbuild.build({
    stdin: { contents, resolveDir: folder },
    absWorkingDir: folder,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "es2022",
    minify: true,
    // Some look at the names of their own classes.
    keepNames: true,
    legalComments: "none",
    logLevel: "error",
    write: false,
    metafile: true,
    plugins: [{ name: "runtime", setup: (build) => resolveForRuntime(build, folder, builtins) }],
  });
  for (const input of Object.keys(metafile.inputs)) {
    if (input !== "<stdin>") inputs.add(`${folder}/${input}`);
  }
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`nothing came of ${name}`);
  return { text: output.contents, builtins: [...builtins].sort() };
}

/** What the bundles find in place of some modules. */
function resolveForRuntime(
  build: esbuild.PluginBuild,
  folder: string,
  builtins: Set<string>,
): void {
  build.onResolve({ filter: /^[^./]/ }, async ({ path, importer }) => {
    const plain = path.replace(/^node:/, "").replace(/\/$/, "");
    // Node's own says in a warning, printed by a part that plugins' workers do not have, that it is
    // out of date.
    if (plain === "punycode") return { path: `${folder}/node_modules/punycode/punycode.js` };
    if (plain === "@protobufjs/inquire") return await ownEntry("inquire.js");
    // For the stages of snowflake-sdk: S3 is all that it uses.
    if (plain === "aws-sdk" && !importer.includes("/aws-sdk/")) return await ownEntry("aws_s3.js");
    if (builtinModules.includes(plain)) {
      builtins.add(plain);
      return { path: plain, external: true };
    }
    return OPTIONAL.has(plain) ? { path: plain, external: true } : undefined;
  });
  // Ours stand beside the packages, so that what they require is found there.
  const ownEntry = async (file: string) => {
    await Deno.copyFile(`${HERE}entries/${file}`, `${folder}/${file}`);
    return { path: `${folder}/${file}` };
  };
}

async function versionOf(folder: string, name: string): Promise<string> {
  return JSON.parse(await Deno.readTextFile(`${folder}/node_modules/${name}/package.json`)).version;
}

/** As the runtime's host looks for it. */
function fileOf(name: string): string {
  return `${OUT}${name.replace(/^@/, "").replace("/", "-")}.js.br`;
}

async function readBundle(name: string): Promise<Buffer | null> {
  try {
    return brotliDecompressSync(await Deno.readFile(fileOf(name)));
  } catch {
    return null;
  }
}

function compress(text: Uint8Array): Uint8Array {
  return brotliCompressSync(text, {
    params: {
      [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    },
  });
}

await main();
