/**
 * Filters on values: of events, persons and elements. The operators and what they make of values of
 * different types are those of PostHog's plugin server 1.10, with two exceptions: `is_not` is the
 * opposite of `exact`, and a negative operator over a list means none of its values.
 */
import { isObject } from "../events/person_properties.ts";
import type { JsonObject } from "../events/types.ts";
import type { Patterns } from "./patterns.ts";

/** An entry of a step's `properties`, which nobody has checked. */
export interface PropertyFilter {
  readonly key: string;
  /** One value, or a list of them. */
  readonly value: unknown;
  readonly operator: string;
  readonly type: string;
}

/** The filters of a step; what is no filter in its list is one that never passes. */
export function propertyFilters(value: unknown): (PropertyFilter | null)[] {
  if (!Array.isArray(value)) return [];
  return value.map((entry) => {
    if (!isObject(entry) || typeof entry.key !== "string") return null;
    const { key, operator, type } = entry;
    return {
      key,
      value: entry.value,
      operator: typeof operator === "string" && operator !== "" ? operator : "exact",
      type: typeof type === "string" ? type : "",
    };
  });
}

/** Operators that also pass where there is no value at all. */
const PASSES_ABSENT = new Set(["is_not_set", "is_not", "not_icontains", "not_regex"]);

/** The negative operators, and what each is the opposite of. */
const OPPOSITES: ReadonlyMap<string, string> = new Map([
  ["is_not", "exact"],
  ["not_icontains", "icontains"],
  ["not_regex", "regex"],
]);

/**
 * Whether the filter passes on these properties; null for a person that is not there.
 * @throws SyntaxError for a pattern that is no regular expression; TypeError for values that
 *   JavaScript cannot compare
 */
export function passesFilter(
  { key, value, operator }: PropertyFilter,
  properties: Readonly<JsonObject> | null,
  patterns: Patterns,
): boolean {
  const wanted: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (wanted.length === 0) return false;
  const found = properties !== null && Object.hasOwn(properties, key) ? properties[key] : undefined;
  if (found === undefined) return PASSES_ABSENT.has(operator);
  const opposite = OPPOSITES.get(operator);
  return opposite === undefined
    ? wanted.some((each) => passes(found, operator, each, patterns))
    : !wanted.some((each) => passes(found, opposite, each, patterns));
}

function passes(found: unknown, operator: string, wanted: unknown, patterns: Patterns): boolean {
  switch (operator) {
    case "is_set":
      return true;
    case "is_not_set":
      return false;
    case "icontains":
      return typeof found === "string" &&
        found.toLowerCase().includes(textOf(wanted).toLowerCase());
    case "regex":
      return typeof found === "string" && patterns.find(textOf(wanted), found);
    case "gt":
    case "lt":
      return isOrdered(found, operator, wanted);
    default:
      return isEqual(found, wanted);
  }
}

/** JavaScript's loose equality, or equal as numbers where the types differ. */
function isEqual(found: unknown, wanted: unknown): boolean {
  return found == wanted ||
    typeof found !== typeof wanted && numberOf(found) === numberOf(wanted);
}

function isOrdered(found: unknown, operator: "gt" | "lt", wanted: unknown): boolean {
  if (typeof found !== "number" && typeof found !== "boolean") return false;
  // Two of one type compare as they are, numbers and booleans; of different ones, as numbers.
  const [one, other] = [numberOf(found), numberOf(wanted)];
  return operator === "gt" ? one > other : one < other;
}

const YES = new Set(["yes", "y", "t", "true", "on", "1"]);
const NO = new Set(["no", "n", "f", "false", "off", "0"]);

function numberOf(value: unknown): number {
  const text = textOf(value).toLowerCase();
  if (YES.has(text)) return 1;
  return NO.has(text) ? 0 : Number(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "undefined";
}
