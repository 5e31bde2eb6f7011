/**
 * The files of a plugin's archive. Archives are hostile text: everything about them is bounded, and
 * they are unpacked in a process of their own (build_process.ts).
 */
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { unzipSync } from "fflate";
// @ts-types="@types/tar-stream"
import tar from "tar-stream";
import { errorMessage, PaddockError } from "../../errors.ts";
import { type PluginFiles, SourceBounds } from "./plugin_files.ts";

const MAX_ARCHIVE_BYTES = 20 * 1024 * 1024;
/** What a gzip may come to, the files that are not taken included. */
const MAX_UNPACKED_BYTES = 100 * 1024 * 1024;

/**
 * Unpacks a zip, or else a gzipped tar. The folder that all files lie in is taken off their paths.
 * @param digest names the plugin in messages
 * @throws PaddockError PDK_PLUGIN_LOAD for what is neither, or is larger than the bounds
 */
export async function unpackArchive(archive: Uint8Array, digest: string): Promise<PluginFiles> {
  if (archive.byteLength > MAX_ARCHIVE_BYTES) {
    throw refuse(digest, `the archive has over ${MAX_ARCHIVE_BYTES} bytes`);
  }
  const isZip = archive[0] === 0x50 && archive[1] === 0x4b;
  const isGzip = archive[0] === 0x1f && archive[1] === 0x8b;
  if (!isZip && !isGzip) throw refuse(digest, "the archive is neither a zip nor a gzipped tar");
  try {
    return withoutRoot(isZip ? unpackZip(archive) : await unpackTar(archive));
  } catch (error) {
    throw refuse(digest, `the archive cannot be unpacked: ${errorMessage(error)}`);
  }
}

function unpackZip(archive: Uint8Array): PluginFiles {
  const bounds = new SourceBounds();
  const files = unzipSync(archive, {
    // Each file is unpacked into as many bytes as it says it has, so that it cannot have more.
    filter: ({ name, originalSize }) => bounds.takes(checkedPath(name), originalSize),
  });
  return new Map(
    Object.entries(files).map(([path, data]) => [checkedPath(path), Buffer.from(data).toString()]),
  );
}

async function unpackTar(archive: Uint8Array): Promise<PluginFiles> {
  const bounds = new SourceBounds();
  const files: PluginFiles = new Map();
  const extract = tar.extract();
  extract.end(unzipped(archive));
  for await (const entry of extract) {
    const { name, size = 0, type } = entry.header;
    // Links are left out as well: they could name what is not in the archive.
    if (type !== "file" || !bounds.takes(checkedPath(name), size)) {
      entry.resume();
      continue;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files.set(checkedPath(name), Buffer.concat(chunks).toString());
  }
  return files;
}

function unzipped(archive: Uint8Array): Buffer {
  try {
    return gunzipSync(archive, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_BUFFER_TOO_LARGE") throw error;
    throw new Error(`over ${MAX_UNPACKED_BYTES} bytes unpacked`);
  }
}

/** Nothing is written to a disk, but a path that leads out is no honest plugin's. */
function checkedPath(path: string): string {
  const parts = path.split("/");
  if (path.startsWith("/") || /[\\\0]/.test(path) || parts.includes("..")) {
    throw new Error(`the path '${path}' leads out of it`);
  }
  return parts.filter((part) => part !== "." && part !== "").join("/");
}

/** The folder of plugin.json is the plugin's; without one, the folder that all files are in. */
function withoutRoot(files: PluginFiles): PluginFiles {
  const paths = [...files.keys()];
  const [manifest] = paths
    .filter((path) => path === "plugin.json" || path.endsWith("/plugin.json"))
    .toSorted((one, other) => one.split("/").length - other.split("/").length);
  const first = paths[0]?.split("/")[0];
  const isRoot = (root: string) => paths.every((path) => path.startsWith(`${root}/`));
  const root = manifest !== undefined
    ? manifest.slice(0, -"plugin.json".length)
    : first !== undefined && isRoot(first)
    ? `${first}/`
    : "";
  return new Map(
    [...files].flatMap(([path, text]) =>
      path.startsWith(root) ? [[path.slice(root.length), text] as const] : []
    ),
  );
}

function refuse(digest: string, reason: string): PaddockError {
  return new PaddockError("PDK_PLUGIN_LOAD", `${digest}: ${reason}`);
}
