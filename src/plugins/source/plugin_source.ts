/** From a row of `posthog_plugin` to code that the fence can evaluate. */
import { hash } from "node:crypto";
import { PaddockError } from "../../errors.ts";
import type { PluginCode } from "../types.ts";
import { unpackArchive } from "./archive.ts";
import { localFolder, readFolder } from "./local_folder.ts";
import { importedLibraries } from "./libraries.ts";
import { parseManifest, type PluginManifest } from "./manifest.ts";
import type { PluginFiles } from "./plugin_files.ts";
import { transpile } from "./transpile.ts";

/** What of a row says where its code is. */
export interface PluginSourceRow {
  readonly id: number;
  readonly name: string | null;
  readonly organizationId: string;
  readonly isGlobal: boolean;
  readonly pluginType: string | null;
  readonly url: string | null;
  readonly archive: Uint8Array | null;
  readonly source: string | null;
}

/** A plugin's code as its author wrote it: nothing of it was looked at yet. */
export interface RawSource {
  /** Names the plugin in messages. */
  readonly digest: string;
  /** A zip or tgz, or files. */
  readonly content: Uint8Array | PluginFiles;
  /** Changes when the content does. */
  readonly version: string;
}

/** Loaded code, and what the plugin says of itself. */
export interface LoadedSource {
  readonly code: PluginCode;
  readonly manifest: PluginManifest;
  /** Changes when the code does. */
  readonly version: string;
}

const DEFAULT_MAINS = ["index.js", "index.ts"];

/** Names a plugin in messages. */
export function pluginDigest(
  row: Omit<PluginSourceRow, "archive" | "source" | "url" | "pluginType">,
): string {
  const scope = `organization ID ${row.organizationId}${row.isGlobal ? " - global" : ""}`;
  return `plugin ${row.name ?? ""} ID ${row.id} (${scope})`;
}

/**
 * Gets a plugin's code from where its row says that it is.
 * @throws PaddockError PDK_PLUGIN_LOAD naming the plugin and the reason
 */
export async function readSource(row: PluginSourceRow, baseDir: string): Promise<RawSource> {
  const digest = pluginDigest(row);
  if (row.url?.startsWith("file:")) {
    const folder = await localFolder(row.url, baseDir, digest);
    return rawSource(digest, await readFolder(folder, digest));
  }
  if (row.archive !== null) return rawSource(digest, row.archive);
  if (row.pluginType === "source" && row.source !== null) {
    // One text without a file name: TypeScript, which JavaScript is as well.
    return rawSource(digest, new Map([["index.ts", row.source]]));
  }
  throw new PaddockError(
    "PDK_PLUGIN_LOAD",
    `Tried using undownloaded remote ${digest}, which is not supported!`,
  );
}

/** The same for what is no row yet. */
export function rawSource(digest: string, content: Uint8Array | PluginFiles): RawSource {
  const hashed = content instanceof Uint8Array ? content : JSON.stringify([...content]);
  return { digest, content, version: hash("sha256", hashed, "hex").slice(0, 16) };
}

/**
 * Unpacks, checks and transpiles a plugin's code. This looks at hostile text, so it is called in a
 * process of its own: see BuildProcess.
 * @throws PaddockError PDK_PLUGIN_LOAD or PDK_PLUGIN_MANIFEST naming the plugin and the reason
 */
export async function buildSource({ digest, content, version }: RawSource): Promise<LoadedSource> {
  const read = content instanceof Uint8Array ? await unpackArchive(content, digest) : content;
  // Some editors begin a file with a byte order mark, which is no JSON and no code.
  const files = new Map([...read].map(([path, text]) => [path, text.replace(/^\uFEFF/, "")]));
  const manifest = parseManifest(files.get("plugin.json") ?? "{}", digest);
  const candidates = manifest.main === null ? DEFAULT_MAINS : [manifest.main];
  const main = candidates.find((path) => files.has(path));
  if (main === undefined) {
    const wanted = manifest.main ?? DEFAULT_MAINS[0];
    throw new PaddockError("PDK_PLUGIN_LOAD", `Could not load ${wanted} for ${digest}!`);
  }
  const language = /\.[cm]?ts$/.test(main) ? "typescript" : "javascript";
  const transpiled = transpile(files, main, digest);
  const libraries = importedLibraries(transpiled.files.values());
  return { code: { ...transpiled, main, language, libraries }, manifest, version };
}
