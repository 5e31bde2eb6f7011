import { inspect } from "node:util";
import type { LogRecord } from "@logtape/logtape";

/** A line of the log without its level, time and properties. */
export function lineText({ message }: LogRecord): string {
  return message.map((piece, index) => index % 2 === 0 ? piece : valueText(piece)).join("");
}

/** A value within a line: texts as they are. */
export function valueText(value: unknown): string {
  return typeof value === "string" ? value : inspect(value, { breakLength: Infinity });
}
