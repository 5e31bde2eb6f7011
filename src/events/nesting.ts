/** Deeper values overflow the stack of JSON.stringify, of plugins and of Postgres alike. */
export const MAX_NESTING = 500;

/** JSON text shorter than this cannot nest too deeply: each level takes two characters. */
export const NESTING_FREE_BYTES = MAX_NESTING * 2;

/** Whether a JSON value nests deeper than `levels`. */
export function nestsDeeper(value: unknown, levels = MAX_NESTING): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  const members = value as Readonly<Record<string, unknown>>;
  for (const key in members) {
    if (nestsDeeper(members[key], levels - 1)) return true;
  }
  return false;
}

/**
 * The same for a JSON text, before it is parsed: 100,000 levels take the parser longer than the rest
 * of a megabyte. What is no JSON may come to either.
 */
export function textNestsDeeper(text: string | Uint8Array, levels = MAX_NESTING): boolean {
  const isText = typeof text === "string";
  let depth = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const code = isText ? text.charCodeAt(index) : text[index];
    if (isQuoted) {
      if (code === BACKSLASH) index++;
      else if (code === QUOTE) isQuoted = false;
    } else if (code === QUOTE) isQuoted = true;
    else if (code === BRACKET || code === BRACE) {
      depth++;
      if (depth > levels) return true;
    } else if (code === CLOSING_BRACKET || code === CLOSING_BRACE) depth--;
  }
  return false;
}

const [QUOTE, BACKSLASH, BRACKET, CLOSING_BRACKET, BRACE, CLOSING_BRACE] = [
  34,
  92,
  91,
  93,
  123,
  125,
];
