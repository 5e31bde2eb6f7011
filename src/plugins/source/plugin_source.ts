/** From a row of `posthog_plugin` to code that the fence can evaluate. */
import { hash } from "node:crypto";
import { PaddockError } from "../../errors.ts";
import type { PluginCode } from "../types.ts";
import { type PluginFiles, unpackArchive } from "./archive.ts";
import { localFolder, readFolder } from "./local_folder.ts";
import { parseManifest, type PluginManifest } from "./manifest.ts";
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
 * Reads, checks and transpiles a plugin's code.
 * @throws PaddockError PDK_PLUGIN_LOAD or PDK_PLUGIN_MANIFEST naming the plugin and the reason
 */
export async function loadSource(row: PluginSourceRow, baseDir: string): Promise<LoadedSource> {
  const digest = pluginDigest(row);
  return build(await filesOf(row, baseDir, digest), digest);
}

/** The same for files that are no row yet. */
export function build(files: PluginFiles, digest: string): LoadedSource {
  const manifest = parseManifest(files.get("plugin.json") ?? "{}", digest);
  const candidates = manifest.main === null ? DEFAULT_MAINS : [manifest.main];
  const main = candidates.find((path) => files.has(path));
  if (main === undefined) {
    const wanted = manifest.main ?? DEFAULT_MAINS[0];
    throw new PaddockError("PDK_PLUGIN_LOAD", `Could not load ${wanted} for ${digest}!`);
  }
  const version = hash("sha256", JSON.stringify([...files].toSorted()), "hex").slice(0, 16);
  const language = /\.[cm]?ts$/.test(main) ? "typescript" : "javascript";
  return { code: { files: transpile(files, digest), main, language }, manifest, version };
}

async function filesOf(
  row: PluginSourceRow,
  baseDir: string,
  digest: string,
): Promise<PluginFiles> {
  if (row.url?.startsWith("file:")) {
    return await readFolder(await localFolder(row.url, baseDir, digest), digest);
  }
  if (row.archive !== null) return await unpackArchive(row.archive, digest);
  if (row.pluginType === "source" && row.source !== null) {
    // One text without a file name: TypeScript, which JavaScript is as well.
    return new Map([["index.ts", row.source]]);
  }
  throw new PaddockError(
    "PDK_PLUGIN_LOAD",
    `Tried using undownloaded remote ${digest}, which is not supported!`,
  );
}
