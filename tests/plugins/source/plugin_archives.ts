/** Archives for tests of what reads them. */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { strToU8, zipSync } from "fflate";
// @ts-types="@types/tar-stream"
import tar from "tar-stream";

export type ArchiveFiles = Readonly<Record<string, string>>;

export function zipOf(files: ArchiveFiles): Uint8Array {
  return zipSync(
    Object.fromEntries(Object.entries(files).map(([path, text]) => [path, strToU8(text)])),
  );
}

export async function tgzOf(
  files: ArchiveFiles,
  extra: readonly { readonly name: string; readonly type: "symlink"; readonly linkname: string }[] =
    [],
): Promise<Uint8Array> {
  const pack = tar.pack();
  for (const [name, text] of Object.entries(files)) pack.entry({ name }, text);
  for (const entry of extra) pack.entry({ ...entry });
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}
