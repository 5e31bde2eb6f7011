/** Where log lines go. Parts log with `getLogger(["paddock", part])` and know nothing of this. */
import { configure, getAnsiColorFormatter, type LogLevel, type LogRecord } from "@logtape/logtape";
import { lineText, valueText } from "./line_text.ts";
import { Repeats } from "./repeats.ts";
import { type Mask, NO_MASK } from "./secret_values.ts";

export interface LogOptions {
  readonly level: "debug" | "info" | "log" | "warn" | "error" | "none";
  readonly format: "auto" | "pretty" | "json";
  /** Hides what no line may show. */
  readonly mask?: Mask;
  /** Told of every line that is written as well. */
  readonly also?: { write(record: LogRecord): void };
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

/**
 * Sends all lines to standard error, so that a command's own output stays clean.
 * @returns what writes how often lines came that were held back as repeats
 */
export async function configureLogging(options: LogOptions): Promise<() => void> {
  const { mask = NO_MASK } = options;
  const pretty = options.format === "pretty" ||
    options.format === "auto" && Deno.stderr.isTerminal();
  const format = pretty ? prettyLine() : jsonLine;
  const repeats = new Repeats((record) => {
    const shown = masked(record, mask);
    console.error(format(shown).trimEnd());
    options.also?.write(shown);
  });
  await configure({
    reset: true,
    sinks: { console: (record: LogRecord) => repeats.write(record) },
    loggers: [
      { category: "paddock", lowestLevel: LEVELS[options.level], sinks: ["console"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["console"] },
    ],
  });
  return () => repeats.flush();
}

/** The line with nothing in it that is to be hidden; values that have to do with that become texts. */
function masked(record: LogRecord, mask: Mask): LogRecord {
  const hidden = (value: unknown) => {
    const text = valueText(value);
    const shown = mask(text);
    return shown === text ? value : shown;
  };
  return {
    ...record,
    message: record.message.map(hidden),
    properties: Object.fromEntries(
      Object.entries(record.properties).map(([key, value]) => [key, hidden(value)]),
    ),
  };
}

/** For people: what a line was given besides stands behind it. */
function prettyLine(): (record: LogRecord) => string {
  const format = getAnsiColorFormatter({
    timestamp: "time",
    category: (names) => names.slice(1).join("."),
    value: valueText,
  });
  return (record) => {
    const besides = Object.entries(record.properties).map(([key, value]) =>
      `${key}=${valueText(value)}`
    );
    return [format(record).trimEnd(), ...besides].join(" ");
  };
}

/** One line of JSON: time, level, part, message, and what the line was given besides. */
export function jsonLine(record: LogRecord): string {
  return JSON.stringify({
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    part: record.category.slice(1).join("."),
    message: lineText(record),
    ...record.properties,
  });
}
