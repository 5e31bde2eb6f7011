import { Buffer } from "node:buffer";
import { brotliDecompressSync } from "node:zlib";
import { encodeFrame, FrameType } from "./frames.ts";

/** The frame that brings a bundled library to the worker. */
export function libraryFrame(name: string): Uint8Array<ArrayBuffer> {
  const file = `./libraries/${name.replace(/^@/, "").replace("/", "-")}.js.br`;
  const text = brotliDecompressSync(Deno.readFileSync(new URL(file, import.meta.url)));
  return encodeFrame(FrameType.Library, 0, Buffer.concat([Buffer.from(`${name}\n`), text]));
}
