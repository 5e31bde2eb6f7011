/** Plugin text to CommonJS, with maps back to the author's lines and columns. */
import vm from "node:vm";
import { transform } from "sucrase";
import { errorMessage, PaddockError } from "../../errors.ts";
import type { PluginFiles } from "./plugin_files.ts";

/** Larger files are bundles that nobody reads; sucrase needs time in proportion to them. */
const MAX_TRANSPILED = 5 * 1024 * 1024;

/** Import and export statements at the beginning of a line. */
const MODULE_SYNTAX =
  /^[ \t]*(?:import\s*(?:[\w$*{"']|type\b)|export\s*(?:[{*=]|default\b|const\b|let\b|var\b|function\b|async\b|class\b|enum\b|type\b|interface\b|declare\b))/m;

/** As a call, wherever it stands; in a text or a comment it does no harm. */
const DYNAMIC_IMPORT = /\bimport\s*\(/;

/** Relative paths that a file requires, as long as they stand there as texts. */
const RELATIVE_REQUIRE = /\brequire\s*\(\s*(["'`])(\.[^"'`\n]*)\1\s*\)/g;

/** Endings that a require may leave out; the runtime looks for the same ones, in this order. */
const ENDINGS = ["", ".js", ".ts", ".json", "/index.js", "/index.ts"];

/** What sucrase puts before the text of every module. */
const STRICT = `"use strict";`;

/** Files as CommonJS. */
export interface Transpiled {
  readonly files: PluginFiles;
  /** Path → `mappings` of a source map; none for files that are as they were written. */
  readonly maps: ReadonlyMap<string, string>;
}

/**
 * The entry and every file that it requires, as CommonJS. Types are taken out, imports that are only
 * used as types vanish, enums become objects. Code stays as sloppy as it was written: the server
 * before ran modules in sloppy mode too, and plugins count on it. Files that nothing requires (tests, tools) are left out, whatever is in them.
 * @throws PaddockError PDK_PLUGIN_LOAD naming the file and the place that cannot be parsed
 */
export function transpile(files: PluginFiles, main: string, digest: string): Transpiled {
  const transpiled: PluginFiles = new Map();
  const maps = new Map<string, string>();
  const waiting = [main];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (transpiled.has(path)) continue;
    const text = files.get(path) as string;
    if (path.endsWith(".json")) {
      transpiled.set(path, text);
      continue;
    }
    if (text.length > MAX_TRANSPILED) {
      throw refuse(digest, `${path} has over ${MAX_TRANSPILED} characters`);
    }
    const { code, mappings } = transpileFile(path, text, digest);
    transpiled.set(path, code);
    if (mappings !== null) maps.set(path, mappings);
    for (const [, , required = ""] of code.matchAll(RELATIVE_REQUIRE)) {
      const found = findFile(files, path, required);
      // What is not there may be in a branch that never runs; the runtime says so if it does.
      if (found !== null) waiting.push(found);
    }
  }
  return { files: transpiled, maps };
}

interface TranspiledFile {
  readonly code: string;
  readonly mappings: string | null;
}

function transpileFile(path: string, text: string, digest: string): TranspiledFile {
  const isTypeScript = /\.[cm]?ts$/.test(path);
  const isModule = MODULE_SYNTAX.test(text) || DYNAMIC_IMPORT.test(text);
  try {
    // Plain CommonJS needs nothing, and is not put through anything.
    const file = isTypeScript || isModule
      ? transformed(path, text, isModule)
      : { code: text, mappings: null };
    compile(path, file.code);
    return file;
  } catch (first) {
    try {
      // A minified bundle has its exports in the middle of a line.
      const file = transformed(path, text, true);
      compile(path, file.code);
      return file;
    } catch (second) {
      throw refuse(digest, described(path, [errorMessage(first), errorMessage(second)]), first);
    }
  }
}

/** `index.js:3:1: Unexpected token`: V8 says what is wrong, only sucrase says where. */
function described(path: string, messages: readonly string[]): string {
  const place = messages.flatMap((message) => /\((\d+:\d+)\)$/.exec(message)?.[1] ?? [])[0];
  const reason = (messages[0] ?? "").replace(/^Error transforming [^:]*: /, "")
    .replace(/ \(\d+:\d+\)$/, "");
  return `${path}${place === undefined ? "" : `:${place}`}: ${reason}`;
}

function transformed(path: string, text: string, isModule: boolean): TranspiledFile {
  const { code, sourceMap } = transform(text, {
    transforms: isModule ? ["typescript", "imports"] : ["typescript"],
    filePath: path,
    sourceMapOptions: { compiledFilename: path },
    disableESTransforms: true,
  });
  // Spaces in its place keep the columns.
  const isSloppy = code.startsWith(STRICT) && !/^\s*(["'])use strict\1/.test(text);
  return {
    code: isSloppy ? " ".repeat(STRICT.length) + code.slice(STRICT.length) : code,
    mappings: sourceMap?.mappings ?? null,
  };
}

/**
 * Parses the code as the runtime will, without running it: sucrase lets much pass that is no
 * JavaScript, and an author wants to hear of it when the plugin is installed.
 */
function compile(path: string, code: string): void {
  new vm.Script(`(function (exports, require, module, posthog, console) {${code}\n})`, {
    filename: path,
  });
}

function findFile(files: PluginFiles, from: string, name: string): string | null {
  const parts = from.split("/").slice(0, -1);
  for (const part of name.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  const path = parts.join("/");
  // TypeScript's modules may name the file that they would be compiled to.
  const candidates = [...ENDINGS.map((ending) => path + ending), path.replace(/js$/, "ts")];
  return candidates.find((candidate) => files.has(candidate)) ?? null;
}

function refuse(digest: string, reason: string, cause?: unknown): PaddockError {
  return new PaddockError("PDK_PLUGIN_LOAD", `${digest}: ${reason}`, { cause });
}
