/** Stack traces as a plugin's author needs them: the plugin's own frames, and no path of the server. */

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

/** Files of Paddock and of Deno: paths and addresses; those inside a plugin are relative. */
const RUNTIME_FILE = /^(\/|[a-z]+:)/i;

/** For `Error.prepareStackTrace`: called by V8 for every error whose stack is looked at. */
export function stackText(error: unknown, frames: readonly StackFrame[]): string {
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
    const place = `${file}:${frame.getLineNumber()}:${frame.getColumnNumber()}`;
    const name = frame.getFunctionName();
    const called = frame.isAsync() ? "async " : "";
    text += `\n    at ${called}${name === null ? place : `${name} (${place})`}`;
  }
  return text;
}
