/** Where two JSON values differ, in words. */
import { isObject } from "../../events/person_properties.ts";

/** Stands in a fixture for what is different each time. */
export const ANYTHING = "<any>";

/**
 * One line for each place where `got` is not what was expected; none where it is.
 * @param path names the place, e.g. `events[0].properties`
 * @param open objects whose other members do not matter, by how deep they lie; 0 is none
 */
export function differences(expected: unknown, got: unknown, path: string, open = 0): string[] {
  if (expected === ANYTHING && got !== undefined) return [];
  if (Array.isArray(expected) && Array.isArray(got)) {
    const found: string[] = [];
    for (let index = 0; index < Math.max(expected.length, got.length); index++) {
      const at = `${path}[${index}]`;
      if (index >= expected.length) found.push(`${at}: not expected, got ${shown(got[index])}`);
      else if (index >= got.length) {
        found.push(`${at}: expected ${shown(expected[index])}, got nothing`);
      } else found.push(...differences(expected[index], got[index], at, open));
    }
    return found;
  }
  if (isObject(expected) && isObject(got)) {
    const inner = Math.max(0, open - 1);
    const found = Object.entries(expected).flatMap(([key, value]) =>
      key in got
        ? differences(value, got[key], `${path}.${key}`, inner)
        : [`${path}.${key}: expected ${shown(value)}, got nothing`]
    );
    if (open > 0) return found;
    const more = Object.keys(got).filter((key) => !(key in expected));
    return [
      ...found,
      ...more.map((key) => `${path}.${key}: not expected, got ${shown(got[key])}`),
    ];
  }
  return Object.is(expected, got)
    ? []
    : [`${path}: expected ${shown(expected)}, got ${shown(got)}`];
}

/** What changed from one value to another, as lines that begin with `-` and `+`. */
export function changes(before: unknown, after: unknown, path = ""): string[] {
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) =>
      changes(before[key], after[key], path === "" ? key : `${path}.${key}`)
    );
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [
    ...(before === undefined ? [] : [`- ${path}: ${shown(before)}`]),
    ...(after === undefined ? [] : [`+ ${path}: ${shown(after)}`]),
  ];
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}
