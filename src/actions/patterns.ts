/**
 * Regular expressions that users write. They run on an engine without backtracking (RE2's syntax and
 * linear time), so that no pattern can stop the server.
 */
import { LRUCache } from "lru-cache";
import { RE2JS } from "re2js";

const CACHED_PATTERNS = 1_000;
/** A longer pattern is refused: time grows with its length as well. */
const MAX_PATTERN = 5_000;
/** Only so much of a text is searched. */
const MAX_TEXT = 20_000;

export class Patterns {
  readonly #compiled = new LRUCache<string, { readonly pattern: RE2JS | null }>({
    max: CACHED_PATTERNS,
  });

  /**
   * Whether the pattern is found anywhere in the text.
   * @throws SyntaxError for a pattern that RE2 does not know
   */
  find(source: string, text: string): boolean {
    const pattern = this.#compile(source);
    if (pattern === null) throw new SyntaxError("not a regular expression of RE2's syntax");
    return pattern.test(text.slice(0, MAX_TEXT));
  }

  /**
   * As SQL's LIKE, but anywhere in the text: `%` is any run of characters, `_` any one; neither
   * stands for a line's end. Case counts, and nothing escapes the two.
   */
  findLike(like: string, text: string): boolean {
    if (!/[%_]/.test(like)) return text.includes(like);
    const source = like.split(/([%_])/).map((part) =>
      part === "%" ? ".*" : part === "_" ? "." : RE2JS.quote(part)
    ).join("");
    return this.find(source, text);
  }

  #compile(source: string): RE2JS | null {
    let entry = this.#compiled.get(source);
    if (entry === undefined) {
      entry = { pattern: compiled(source) };
      this.#compiled.set(source, entry);
    }
    return entry.pattern;
  }
}

function compiled(source: string): RE2JS | null {
  if (source.length > MAX_PATTERN) return null;
  try {
    return RE2JS.compile(source);
  } catch {
    return null;
  }
}
