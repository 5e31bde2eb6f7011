/** Texts of strangers, as a terminal may show them. */

// Everything but tab and line feed; the C1 range is included as some terminals obey it.
// deno-lint-ignore no-control-regex -- control characters are what it is about
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * Text of events and plugins as it may be shown: a terminal obeys control characters, so that a
 * visitor's event name could rewrite what the operator reads.
 */
export function printable(text: string): string {
  return text.replace(
    CONTROL,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** The same on one line, cut at `length`. */
export function printableLine(text: string, length = Infinity): string {
  const line = printable(text).replace(/\s*\n\s*/g, " ");
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
