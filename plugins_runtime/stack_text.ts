/** Stack traces as a plugin's author needs them: the plugin's own frames, and no path of the server. */
import type { SourceMap } from "./source_map.ts";

/** What is used of V8's description of a frame; none of these may reach a plugin. */
interface StackFrame {
  getFileName(): string | null | undefined;
  getFunctionName(): string | null;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
  isAsync(): boolean;
}

// Captured while this module loads, before any plugin text.
const errorText = Function.prototype.call.bind(Error.prototype.toString) as (
  error: unknown,
) => string;
const test = Function.prototype.call.bind(RegExp.prototype.test) as (
  expression: RegExp,
  text: string,
) => boolean;

/** Maps of the plugin's transpiled files, by path. */
export type SourceMaps = ReadonlyMap<string, SourceMap>;

/** Files of Paddock and of Deno: paths and addresses; those inside a plugin are relative. */
const RUNTIME_FILE = /^(\/|[a-z]+:)/i;

const mapOf = Function.prototype.call.bind(Map.prototype.get) as (
  maps: SourceMaps,
  path: string,
) => SourceMap | undefined;

/**
 * For `Error.prepareStackTrace`: called by V8 for every error whose stack is looked at. Places are
 * those of the author's own text.
 */
export function stackText(
  maps: SourceMaps,
  error: unknown,
  frames: readonly StackFrame[],
): string {
  let text: string;
  try {
    text = errorText(error);
  } catch {
    text = "Error";
  }
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i] as StackFrame;
    const file = frame.getFileName();
    if (typeof file !== "string" || test(RUNTIME_FILE, file)) continue;
    const line = frame.getLineNumber() ?? 1;
    const column = frame.getColumnNumber() ?? 1;
    const at = mapOf(maps, file)?.original(line, column) ?? { line, column };
    const place = `${file}:${at.line}:${at.column}`;
    const name = frame.getFunctionName();
    const called = frame.isAsync() ? "async " : "";
    text += `\n    at ${called}${name === null ? place : `${name} (${place})`}`;
  }
  return text;
}
