/** Reads what is to be installed, from wherever it is. */
import { basename } from "node:path";
import { strToU8, zipSync } from "fflate";
import { PaddockError } from "../../errors.ts";
import type { PluginPlace } from "../registry/installed_plugins.ts";
import { BuildProcess } from "./build_process.ts";
import { downloadPlugin, isDownload } from "./download.ts";
import { readFolder } from "./local_folder.ts";
import type { PluginManifest } from "./manifest.ts";
import type { PluginFiles } from "./plugin_files.ts";
import { rawSource } from "./plugin_source.ts";
import { checkPosthogVersion } from "./posthog_version.ts";

/** A plugin that was read, checked and transpiled once. */
export interface PluginToInstall {
  readonly manifest: PluginManifest;
  readonly place: PluginPlace;
}

export interface PluginOrigins {
  readonly baseDir: string;
  /** Where npm packages are. */
  readonly npmRegistry: string;
}

/**
 * Reads a plugin and builds it once, so that what cannot run is refused now.
 * @param source a folder, an archive, or what `downloadPlugin` takes
 * @throws PaddockError PDK_USAGE, PDK_PLUGIN_LOAD or PDK_PLUGIN_MANIFEST
 */
export async function readPlugin(source: string, origins: PluginOrigins): Promise<PluginToInstall> {
  if (isDownload(source)) {
    return await downloaded(source, origins);
  }
  const stat = await Deno.stat(source).catch(() => null);
  if (stat === null) {
    throw new PaddockError(
      "PDK_USAGE",
      `there is no folder or file '${source}'; a package of npm is 'npm:${source}'`,
    );
  }
  if (!stat.isDirectory) return await readArchive(source, await Deno.readFile(source));
  const files = await readFolder(source, source);
  const manifest = await built(source, files);
  const [base, folder] = await Promise.all([
    Deno.realPath(origins.baseDir),
    Deno.realPath(source),
  ]);
  const place: PluginPlace = folder.startsWith(`${base}/`)
    ? { type: "local", url: `file:${folder.slice(base.length + 1)}` }
    : { type: "custom", archive: packed(files, basename(folder)) };
  return { manifest, place };
}

/**
 * The same for the bytes of a zip or tgz.
 * @param name of the file, for messages
 */
export async function readArchive(name: string, archive: Uint8Array): Promise<PluginToInstall> {
  return { manifest: await built(name, archive), place: { type: "custom", archive } };
}

async function downloaded(source: string, origins: PluginOrigins): Promise<PluginToInstall> {
  const { archive, url, tag } = await downloadPlugin(source, origins.npmRegistry);
  return {
    manifest: await built(source, archive),
    place: { type: "repository", archive, url, tag },
  };
}

async function built(name: string, content: Uint8Array | PluginFiles): Promise<PluginManifest> {
  await using builder = new BuildProcess();
  const { manifest } = await builder.build(rawSource(name, content));
  checkPosthogVersion(manifest.posthogVersion);
  return manifest;
}

/** A zip whose first entry is the folder that all files are in, as the server before expects it. */
function packed(files: PluginFiles, root: string): Uint8Array {
  const entries = [...files].map(([path, text]) => [`${root}/${path}`, strToU8(text)] as const);
  return zipSync({ [`${root}/`]: new Uint8Array(0), ...Object.fromEntries(entries) });
}
