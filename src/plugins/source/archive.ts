/** The files of a plugin's archive. Archives are hostile text: everything about them is bounded. */
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { unzip } from "fflate";
// @ts-types="@types/tar-stream"
import tar from "tar-stream";
import { errorMessage, PaddockError } from "../../errors.ts";

/** Path → text. */
export type PluginFiles = Map<string, string>;

const MAX_ARCHIVE_BYTES = 20 * 1024 * 1024;
const MAX_FILES = 1_000;
const MAX_TOTAL_BYTES = 20 * 1024 * 1024;

/** Only what the runtime can use is taken out. */
const USED_FILE = /\.(?:json|[cm]?js|[cm]?ts)$/;

/**
 * Unpacks a zip, or else a gzipped tar. The folder that all files lie in is taken off their paths.
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
    return withoutRoot(isZip ? await unpackZip(archive) : await unpackTar(archive));
  } catch (error) {
    throw refuse(digest, `the archive cannot be unpacked: ${errorMessage(error)}`);
  }
}

/** Counts what an archive holds and stops it where it is too much. */
class Bounds {
  #files = 0;
  #bytes = 0;

  /** Whether a file is wanted. Throws where there are too many, or too large ones. */
  takes(path: string, bytes: number): boolean {
    if (!USED_FILE.test(path) || path.split("/").includes("..")) return false;
    this.#files++;
    this.#bytes += bytes;
    if (this.#files > MAX_FILES) throw new Error(`over ${MAX_FILES} files`);
    if (this.#bytes > MAX_TOTAL_BYTES) throw new Error(`over ${MAX_TOTAL_BYTES} bytes unpacked`);
    return true;
  }
}

function unpackZip(archive: Uint8Array): Promise<PluginFiles> {
  const bounds = new Bounds();
  return new Promise((resolve, reject) => {
    unzip(archive, {
      // What the archive says of a size is where the unpacked file is cut.
      filter: ({ name, originalSize }) => bounds.takes(name, originalSize),
    }, (error, files) => {
      if (error) reject(error);
      else {
        resolve(
          new Map(
            Object.entries(files).map(([path, data]) => [path, Buffer.from(data).toString()]),
          ),
        );
      }
    });
  });
}

async function unpackTar(archive: Uint8Array): Promise<PluginFiles> {
  const bounds = new Bounds();
  const files: PluginFiles = new Map();
  const extract = tar.extract();
  const unpacked = Readable.from([Buffer.from(archive)]).pipe(createGunzip());
  unpacked.on("error", (error) => extract.destroy(error));
  unpacked.pipe(extract);
  for await (const entry of extract) {
    const { name, size = 0, type } = entry.header;
    if (type !== "file" || !bounds.takes(name, size)) {
      entry.resume();
      continue;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files.set(name, Buffer.concat(chunks).toString());
  }
  return files;
}

function withoutRoot(files: PluginFiles): PluginFiles {
  const paths = [...files.keys()].map((path) => path.replace(/^\.\//, ""));
  const root = paths[0]?.split("/")[0];
  const hasRoot = root !== undefined && paths.every((path) => path.startsWith(`${root}/`));
  return new Map(
    [...files.values()].map((text, index) => {
      const path = paths[index] as string;
      return [hasRoot ? path.slice(root.length + 1) : path, text];
    }),
  );
}

function refuse(digest: string, reason: string): PaddockError {
  return new PaddockError("PDK_PLUGIN_LOAD", `${digest}: ${reason}`);
}
