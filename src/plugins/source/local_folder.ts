import { PaddockError } from "../../errors.ts";
import type { PluginFiles } from "./archive.ts";

const MAX_FILES = 1_000;
const MAX_FILE_BYTES = 5 * 1024 * 1024;
const USED_FILE = /\.(?:json|[cm]?js|[cm]?ts)$/;
const SKIPPED_FOLDERS = new Set(["node_modules", ".git", ".paddock"]);

/**
 * The files of a plugin's folder.
 * @throws PaddockError PDK_PLUGIN_LOAD where there is no such folder, or too much in it
 */
export async function readFolder(folder: string, digest: string): Promise<PluginFiles> {
  const files: PluginFiles = new Map();
  const refuse = (reason: string) => new PaddockError("PDK_PLUGIN_LOAD", `${digest}: ${reason}`);
  const read = async (path: string) => {
    for await (const entry of Deno.readDir(path === "" ? folder : `${folder}/${path}`)) {
      const inner = path === "" ? entry.name : `${path}/${entry.name}`;
      // Links are not followed: they lead out of the folder.
      if (entry.isDirectory && !SKIPPED_FOLDERS.has(entry.name)) await read(inner);
      if (!entry.isFile || !USED_FILE.test(entry.name)) continue;
      if (files.size >= MAX_FILES) throw refuse(`over ${MAX_FILES} files`);
      const { size } = await Deno.stat(`${folder}/${inner}`);
      if (size > MAX_FILE_BYTES) throw refuse(`${inner} has over ${MAX_FILE_BYTES} bytes`);
      files.set(inner, await Deno.readTextFile(`${folder}/${inner}`));
    }
  };
  try {
    await read("");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw refuse(`there is no folder ${folder}`);
    if (error instanceof Deno.errors.NotADirectory) throw refuse(`${folder} is not a folder`);
    throw error;
  }
  return files;
}

/**
 * The real path of a `file:` plugin, which has to lie below BASE_DIR whatever links are in its way.
 * @throws PaddockError PDK_PLUGIN_LOAD
 */
export async function localFolder(url: string, baseDir: string, digest: string): Promise<string> {
  const path = url.replace(/^file:(?:\/\/(?=\/))?/, "");
  const base = await Deno.realPath(baseDir);
  const wanted = path.startsWith("/") ? path : `${base}/${path}`;
  let real: string;
  try {
    real = await Deno.realPath(wanted);
  } catch {
    throw new PaddockError("PDK_PLUGIN_LOAD", `${digest}: there is no folder ${wanted}`);
  }
  if (real !== base && !real.startsWith(`${base}/`)) {
    throw new PaddockError(
      "PDK_PLUGIN_LOAD",
      `${digest}: ${real} is outside of BASE_DIR (${base})`,
    );
  }
  return real;
}
