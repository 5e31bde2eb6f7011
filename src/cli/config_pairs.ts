/** Settings of a plugin as they are written on a command line: `key=value`, and `key=@file`. */
import { basename } from "node:path";
import { PaddockError } from "../errors.ts";
import type { FilledForm } from "../plugins/registry/config_form.ts";
import type { ConfigField } from "../plugins/source/manifest.ts";
import type { PluginAttachment } from "../plugins/types.ts";

/**
 * The form that pairs fill in; the files of those that are files are read.
 * @throws PaddockError PDK_USAGE for a word that is no pair, and a file that cannot be read
 */
export async function formOf(
  pairs: readonly string[],
  fields: readonly ConfigField[],
): Promise<FilledForm> {
  const values = new Map<string, string>();
  const files = new Map<string, PluginAttachment>();
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals < 1) throw new PaddockError("PDK_USAGE", `--config '${pair}' is not key=value`);
    const key = pair.slice(0, equals);
    const value = pair.slice(equals + 1);
    const isFile = fields.some((field) => field.key === key && field.type === "attachment");
    if (isFile) files.set(key, await readAttachment(key, value));
    else values.set(key, value);
  }
  return { values, files };
}

/** What to write for fields that have no value yet. */
export function missingPairs(fields: readonly Pick<ConfigField, "key" | "type">[]): string {
  return fields.map(({ key, type }) =>
    `--config ${quoted(`${key}=${type === "attachment" ? "@<file>" : "<value>"}`)}`
  ).join(" ");
}

/** As it can be typed into a shell again. */
export function quoted(word: string): string {
  return /^[\w.:@=/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

async function readAttachment(key: string, value: string): Promise<PluginAttachment> {
  if (!value.startsWith("@")) {
    throw new PaddockError("PDK_USAGE", `'${key}' is a file: --config ${key}=@path`);
  }
  const path = value.slice(1);
  const contents = await Deno.readFile(path).catch(() => {
    throw new PaddockError("PDK_USAGE", `'${key}': the file '${path}' cannot be read`);
  });
  const contentType = path.endsWith(".json") ? "application/json" : "application/octet-stream";
  return { contentType, fileName: basename(path), contents };
}
