/** Plugins as their authors write them, built the way the server builds them and fenced. */
import { buildSource, rawSource } from "../../src/plugins/source/plugin_source.ts";
import type { PluginCode } from "../../src/plugins/types.ts";

/** The code of a plugin of these files: unpacked, transpiled. */
export async function builtCode(files: Readonly<Record<string, string>>): Promise<PluginCode> {
  const source = rawSource("plugin Test", new Map(Object.entries(files)));
  return (await buildSource(source)).code;
}
