/**
 * Postgres refuses U+0000 in text and jsonb, and lone surrogates in jsonb. Both become U+FFFD, so
 * that the event is kept.
 */

/** The text with U+0000 and lone surrogates replaced by U+FFFD. */
export function storableText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.replaceAll("\u0000", "\uFFFD");
}

/** Whether JSON text may hold what jsonb refuses (cheap, and true once in a blue moon). */
export function needsCleaning(json: string): boolean {
  // JSON.stringify writes exactly these as lower-case escapes; a raw lone surrogate cannot occur.
  return json.includes("\\u0000") || json.includes("\\ud");
}

/** A JSON value with every string and key made storable. Recursion is as deep as the value. */
export function storableJson<T>(value: T): T {
  if (typeof value === "string") return storableText(value) as T;
  if (Array.isArray(value)) return value.map(storableJson) as T;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, member]) =>
      [storableText(key), storableJson(member)] as const
    );
    return Object.fromEntries(entries) as T;
  }
  return value;
}

/** JSON text of a value, in a form that Postgres takes as jsonb. */
export function storableJsonText(value: unknown): string {
  const json = JSON.stringify(value);
  return needsCleaning(json) ? JSON.stringify(storableJson(value)) : json;
}
