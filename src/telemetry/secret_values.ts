/**
 * Values that must not be read by whoever reads logs, errors, dead letters or what a command prints:
 * those of plugins' `secret` config fields. A plugin that prints its token, or throws an error that
 * quotes it, would otherwise publish it.
 */
import { Buffer } from "node:buffer";

export const MASK = "*****";

/** Hides what must not be read in a text. */
export type Mask = (text: string) => string;

/** Where there is nothing to hide. */
export const NO_MASK: Mask = (text) => text;

/** Shorter values are words that stand in any text, and no secrets worth the name. */
export const MIN_SECRET_LENGTH = 6;

/** Units of a value that it is found by. */
const HEAD = 4;
const TABLE_BITS = 16;

/** The values that must not be shown: they are masked wherever they stand in a text. */
export class SecretValues {
  /** Of every value, in each way in which it may be written. */
  #forms: ReadonlySet<string> = new Set();
  /** How long the forms are that begin with these first few units, the longest first. */
  #lengths: ReadonlyMap<string, readonly number[]> = new Map();
  /** Which hashes of two neighbouring units any of them begins with. */
  #table = new Uint8Array(0);
  #latest: readonly string[] = [];

  /** Masks these from now on; those before go on for one more time, as lines of them are under way. */
  replace(values: readonly string[]): void {
    this.#forms = new Set([...values, ...this.#latest].flatMap(formsOf));
    this.#latest = values;
    const byHead = Map.groupBy(this.#forms, (form) => form.slice(0, HEAD));
    this.#lengths = new Map(
      [...byHead].map(([head, forms]) => {
        const lengths = new Set(forms.map(({ length }) => length));
        return [head, [...lengths].sort((one, other) => other - one)];
      }),
    );
    this.#table = new Uint8Array(this.#forms.size === 0 ? 0 : 1 << TABLE_BITS);
    for (const form of this.#forms) this.#table[hashAt(form, 0)] = 1;
  }

  /** The text with every value replaced, whether it stands there plainly or escaped. */
  readonly mask: Mask = (text) => {
    if (this.#table.length === 0) return text;
    let masked = "";
    let from = 0;
    for (let at = 0; at + HEAD <= text.length; at++) {
      if (this.#table[hashAt(text, at)] === 0) continue;
      const length = this.#lengthAt(text, at);
      if (length === 0) continue;
      masked += text.slice(from, at) + MASK;
      from = at + length;
      at = from - 1;
    }
    return from === 0 ? text : masked + text.slice(from);
  };

  /** Of the form that stands here, be it cut off by the end of the text; 0 where there is none. */
  #lengthAt(text: string, at: number): number {
    const head = text.slice(at, at + HEAD);
    const lengths = this.#lengths.get(head);
    if (lengths === undefined) return 0;
    const whole = lengths.find((length) => this.#forms.has(text.slice(at, at + length)));
    if (whole !== undefined) return Math.min(whole, text.length - at);
    const rest = text.slice(at, at + (lengths[0] ?? 0));
    if (rest.length < MIN_SECRET_LENGTH || at + rest.length < text.length) return 0;
    return [...this.#forms].some((form) => form.startsWith(rest)) ? rest.length : 0;
  }
}

/** As it stands in plain text, in JSON, in JSON inside of JSON, in an address, and as base64. */
function formsOf(value: string): string[] {
  if (value.length < MIN_SECRET_LENGTH) return [];
  const inJson = JSON.stringify(value).slice(1, -1);
  const forms = [
    value,
    inJson,
    JSON.stringify(inJson).slice(1, -1),
    encodeURIComponent(value.toWellFormed()),
    Buffer.from(value).toString("base64"),
  ];
  return forms.flatMap((form) => {
    const trimmed = form.trim();
    return trimmed === form ? [form] : [form, trimmed];
  }).filter((form) => form.length >= MIN_SECRET_LENGTH);
}

function hashAt(text: string, at: number): number {
  return (text.charCodeAt(at) * 31 ^ text.charCodeAt(at + 1) * 131) & ((1 << TABLE_BITS) - 1);
}
