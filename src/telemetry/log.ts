/** Where log lines go. Parts log with `getLogger(["paddock", part])` and know nothing of this. */
import { inspect } from "node:util";
import { configure, getAnsiColorFormatter, type LogLevel, type LogRecord } from "@logtape/logtape";
import { type Mask, NO_MASK } from "./secret_values.ts";

export interface LogOptions {
  readonly level: "debug" | "info" | "log" | "warn" | "error" | "none";
  readonly format: "auto" | "pretty" | "json";
  /** What no line may show. */
  readonly mask?: Mask;
}

const LEVELS: Record<LogOptions["level"], LogLevel | null> = {
  debug: "debug",
  info: "info",
  // Between info and warn in the server before; there is no such level here.
  log: "info",
  warn: "warning",
  error: "error",
  none: null,
};

/** Sends all lines to standard error, so that a command's own output stays clean. */
export async function configureLogging(options: LogOptions): Promise<void> {
  const { mask = NO_MASK } = options;
  const pretty = options.format === "pretty" ||
    options.format === "auto" && Deno.stderr.isTerminal();
  const format = pretty ? prettyFormatter() : jsonLine;
  await configure({
    reset: true,
    sinks: {
      console: (record: LogRecord) => console.error(mask(format(record).trimEnd())),
    },
    loggers: [
      { category: "paddock", lowestLevel: LEVELS[options.level], sinks: ["console"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["console"] },
    ],
  });
}

function prettyFormatter(): (record: LogRecord) => string {
  return getAnsiColorFormatter({
    timestamp: "time",
    category: (names) => names.slice(1).join("."),
    value: valueText,
  });
}

/** One line of JSON: time, level, part, message, and what the line was given besides. */
function jsonLine(record: LogRecord): string {
  return JSON.stringify({
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    part: record.category.slice(1).join("."),
    message: record.message.map((piece, index) => index % 2 === 0 ? piece : valueText(piece)).join(
      "",
    ),
    ...record.properties,
  });
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : inspect(value, { breakLength: Infinity });
}
