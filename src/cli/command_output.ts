/** What commands print, and where to. */
import { printableLine } from "../printable.ts";
import { SecretValues } from "../telemetry/secret_values.ts";

export { printable, printableLine } from "../printable.ts";

/** Where a command's words go. */
export interface CommandOutput {
  /** One line or several, for standard output. */
  print(text: string): void;
  /** The same for standard error. */
  complain(text: string): void;
  /** Writes over the last line of standard error; only where that is a terminal. */
  readonly redraw?: (text: string) => void;
  /** These values are not to be shown from here on. */
  hide?(values: readonly string[]): void;
}

const encoder = new TextEncoder();

export const CONSOLE_OUTPUT: CommandOutput = {
  print: (text) => console.log(text),
  complain: (text) => console.error(text),
  ...Deno.stderr.isTerminal()
    ? { redraw: (text: string) => void Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${text}`)) }
    : {},
};

/** Columns side by side under their names; the last is as long as it is. */
export function columns(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = [names, ...rows.map((row) => row.map((cell) => printableLine(cell)))];
  const widths = names.map((_, index) =>
    Math.max(...shown.map((row) => (row[index] ?? "").length))
  );
  return shown.map((row) =>
    row.map((cell, index) => index === names.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))
      .join("  ").trimEnd()
  ).join("\n");
}

/** What `--json` prints. */
export function asJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** `2021-10-28 12:00:00`, in UTC. */
export function shownTime(time: Date): string {
  return time.toISOString().slice(0, 19).replace("T", " ");
}

/** The same output, able to hide what must not be shown. */
export function hidingOutput(output: CommandOutput): CommandOutput {
  const secrets = new SecretValues();
  const { redraw } = output;
  return {
    print: (text) => output.print(secrets.mask(text)),
    complain: (text) => output.complain(secrets.mask(text)),
    ...redraw === undefined ? {} : { redraw },
    hide: (values) => secrets.replace(values),
  };
}
