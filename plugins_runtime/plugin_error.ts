import type { PluginError } from "./frames.ts";

const MAX_MESSAGE = 2_000;
const MAX_STACK = 5_000;

const slice = Function.prototype.call.bind(String.prototype.slice) as (
  text: string,
  start: number,
  end: number,
) => string;

/** What can be read of anything a plugin threw, which may be hostile: never throws itself. */
export function readError(thrown: unknown): PluginError {
  try {
    if (typeof thrown !== "object" || thrown === null) {
      return { message: text(thrown, MAX_MESSAGE) };
    }
    const { name, message, stack } = thrown as {
      name?: unknown;
      message?: unknown;
      stack?: unknown;
    };
    return {
      message: message === undefined ? text(thrown, MAX_MESSAGE) : text(message, MAX_MESSAGE),
      ...(typeof name === "string" ? { name: text(name, 200) } : {}),
      ...(typeof stack === "string" ? { stack: text(stack, MAX_STACK) } : {}),
    };
  } catch {
    return { message: "an error that cannot be read" };
  }
}

function text(value: unknown, length: number): string {
  return slice(`${value as string}`, 0, length);
}
