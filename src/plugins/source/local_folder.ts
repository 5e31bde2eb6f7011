import { errorMessage, PaddockError } from "../../errors.ts";
import { isSkippedFolder, type PluginFiles, SourceBounds } from "./plugin_files.ts";

/**
 * The files of a plugin's folder.
 * @param digest names the plugin in messages
 * @throws PaddockError PDK_PLUGIN_LOAD where there is no such folder, or too much in it
 */
export async function readFolder(folder: string, digest: string): Promise<PluginFiles> {
  const files: PluginFiles = new Map();
  const bounds = new SourceBounds();
  const read = async (path: string) => {
    for await (const entry of Deno.readDir(path === "" ? folder : `${folder}/${path}`)) {
      const inner = path === "" ? entry.name : `${path}/${entry.name}`;
      // Links are not followed: they lead out of the folder.
      if (entry.isDirectory && !isSkippedFolder(entry.name)) await read(inner);
      if (!entry.isFile || !bounds.takes(inner, 0)) continue;
      const { size } = await Deno.stat(`${folder}/${inner}`);
      bounds.adds(size);
      files.set(inner, await Deno.readTextFile(`${folder}/${inner}`));
    }
  };
  try {
    await read("");
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? `there is no folder ${folder}`
      : error instanceof Deno.errors.NotADirectory
      ? `${folder} is not a folder`
      : `${folder} cannot be read: ${errorMessage(error)}`;
    throw new PaddockError("PDK_PLUGIN_LOAD", `${digest}: ${reason}`, { cause: error });
  }
  // The order of a folder's entries is nobody's promise.
  return new Map([...files].toSorted(([one], [other]) => one < other ? -1 : 1));
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
  if (real !== base && !real.startsWith(base === "/" ? base : `${base}/`)) {
    throw new PaddockError(
      "PDK_PLUGIN_LOAD",
      `${digest}: ${real} is outside of BASE_DIR (${base})`,
    );
  }
  return real;
}
