/**
 * Elements of `$autocapture`: which part of a page was clicked, innermost first. The fields, their
 * limits and the hash are those of PostHog's plugin server 1.10; what is not a text is made one
 * instead of costing the event.
 */
import { hash } from "node:crypto";
import { isObject } from "./person_properties.ts";
import type { JsonObject } from "./types.ts";

/** One element of the path from what was clicked to the page's root. */
export interface Element {
  text?: string;
  tag_name?: string;
  href?: string;
  attr_id?: string;
  attr_class?: string[];
  nth_child?: number;
  nth_of_type?: number;
  attributes: JsonObject;
}

const MAX_TEXT = 400;
const MAX_HREF = 2048;

/** The elements of a `$elements` property; what is not an object in it is left out. */
export function extractElements(value: readonly unknown[]): Element[] {
  return value.filter(isObject).map(elementOf);
}

function elementOf(source: JsonObject): Element {
  const element: Element = { attributes: {} };
  const text = textOf(source.$el_text);
  if (text !== undefined) element.text = text.slice(0, MAX_TEXT);
  const tagName = textOf(source.tag_name);
  if (tagName !== undefined) element.tag_name = tagName;
  const href = textOf(source.attr__href);
  if (href !== undefined) element.href = href.slice(0, MAX_HREF);
  const classes = classesOf(source.attr__class);
  // In code unit order, which is how they are hashed and stored.
  if (classes !== undefined) element.attr_class = classes.sort();
  const id = textOf(source.attr__id);
  if (id !== undefined) element.attr_id = id;
  const nthChild = integerOf(source.nth_child);
  if (nthChild !== undefined) element.nth_child = nthChild;
  const nthOfType = integerOf(source.nth_of_type);
  if (nthOfType !== undefined) element.nth_of_type = nthOfType;
  element.attributes = Object.fromEntries(
    Object.entries(source).filter(([key]) => key.startsWith("attr__")),
  );
  return element;
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function classesOf(value: unknown): string[] | undefined {
  if (Array.isArray(value)) return value.map((name) => textOf(name) ?? "");
  return textOf(value)?.split(" ");
}

/** An integer that the tables can hold, also as a text. */
export function integerOf(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && Math.abs(number) < 2 ** 31
    ? number
    : undefined;
}

/** The members that are hashed, in the order in which they are hashed. */
const HASHED_MEMBERS = [
  "attr_class",
  "attr_id",
  "attributes",
  "href",
  "nth_child",
  "nth_of_type",
  "order",
  "tag_name",
  "text",
] as const;

/**
 * MD5 over the text that Python's `json.dumps(…, sort_keys=True)` gives for the list: the value of
 * `posthog_event.elements_hash`, by which old and new events of one element are found together.
 */
export function elementsHash(elements: readonly Element[]): string {
  const text = elements.map((element, order) => {
    const members: Record<string, unknown> = { ...element, order };
    return `{${
      HASHED_MEMBERS.map((name) => `"${name}": ${pythonJson(members[name] ?? null)}`).join(", ")
    }}`;
  });
  return hash("md5", `[${text.join(", ")}]`, "hex");
}

/** JSON as Python writes it: spaces behind separators, sorted keys, everything but ASCII escaped. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (isObject(value)) {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${asciiText(key)}: ${pythonJson(value[key])}`).join(", ")}}`;
  }
  return typeof value === "string" ? asciiText(value) : JSON.stringify(value ?? null);
}

function asciiText(text: string): string {
  return JSON.stringify(text).replace(
    /[^\x20-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Properties of a stored event with its elements as `$elements`, where they came: the fields that are
 * stored, and the text as `$el_text` besides. Without elements they are the same properties.
 * @param elements of a row, which may hold anything
 */
export function withElements(properties: JsonObject, elements: unknown): JsonObject {
  const stored = Array.isArray(elements) ? elements.filter(isObject) : [];
  if (stored.length === 0) return properties;
  const $elements = stored.map((element) =>
    element.text === undefined ? element : { ...element, $el_text: element.text }
  );
  return { ...properties, $elements };
}
