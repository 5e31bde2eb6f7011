/** The program that BuildProcess starts: a line of JSON in for every plugin, a line of JSON out. */
import { Buffer } from "node:buffer";
import { createInterface } from "node:readline";
import process from "node:process";
import { errorMessage, PaddockError } from "../../errors.ts";
import type { BuildAnswer, BuildRequest } from "./build_process.ts";
import { buildSource } from "./plugin_source.ts";

export async function runBuilds(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const answer = await build(JSON.parse(line));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

async function build(
  { digest, version, archive, files: given }: BuildRequest,
): Promise<BuildAnswer> {
  const content = archive === null ? new Map(given) : Buffer.from(archive, "base64");
  try {
    const { code, ...rest } = await buildSource({ digest, version, content });
    const [files, maps] = [[...code.files], [...code.maps ?? []]];
    return { ok: true, source: { ...rest, code: { ...code, files, maps } } };
  } catch (error) {
    // A text so deep that the parser's stack ends is that text's fault as well.
    const isKnown = error instanceof PaddockError;
    return {
      ok: false,
      code: isKnown ? error.code : "PDK_PLUGIN_LOAD",
      message: isKnown ? error.message : `${digest}: ${errorMessage(error)}`,
    };
  }
}

if (import.meta.main) await runBuilds();
