/** Plugin text to CommonJS, line for line, so that traces keep the author's lines. */
import { transform } from "sucrase";
import { errorMessage, PaddockError } from "../../errors.ts";
import type { PluginFiles } from "./archive.ts";

/** Larger files are bundles that nobody reads; sucrase needs time in proportion to them. */
const MAX_TRANSPILED = 5 * 1024 * 1024;

/** Import and export statements at the beginning of a line; dynamic imports are not meant. */
const MODULE_SYNTAX =
  /^[ \t]*(?:import\s*(?:[\w$*{"']|type\b)|export\s*(?:[{*]|default\b|const\b|let\b|var\b|function\b|async\b|class\b|enum\b|type\b|interface\b|declare\b))/m;

/**
 * Every file as CommonJS. Types are taken out, imports that are only used as types vanish, enums
 * become objects. A file without module syntax stays as sloppy as it was written.
 * @throws PaddockError PDK_PLUGIN_LOAD naming the file and the place that cannot be parsed
 */
export function transpile(files: PluginFiles, digest: string): PluginFiles {
  const transpiled: PluginFiles = new Map();
  for (const [path, text] of files) {
    if (path.endsWith(".json") || path.endsWith(".d.ts")) {
      if (!path.endsWith(".d.ts")) transpiled.set(path, text);
      continue;
    }
    if (text.length > MAX_TRANSPILED) {
      throw new PaddockError(
        "PDK_PLUGIN_LOAD",
        `${digest}: ${path} has over ${MAX_TRANSPILED} characters`,
      );
    }
    transpiled.set(path, transpileFile(path, text, digest));
  }
  return transpiled;
}

function transpileFile(path: string, text: string, digest: string): string {
  const isTypeScript = /\.[cm]?ts$/.test(path);
  const isModule = MODULE_SYNTAX.test(text);
  // Plain CommonJS needs nothing, and is not put through anything.
  if (!isTypeScript && !isModule) return text;
  try {
    return transform(text, {
      transforms: isModule ? ["typescript", "imports"] : ["typescript"],
      filePath: path,
      disableESTransforms: true,
    }).code;
  } catch (error) {
    throw new PaddockError("PDK_PLUGIN_LOAD", `${digest}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}
