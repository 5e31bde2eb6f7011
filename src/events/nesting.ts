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
