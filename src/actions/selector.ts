/**
 * CSS selectors over the path from a clicked element to the page's root. Known are tags, classes,
 * ids, attributes, `:nth-child(n)`, `:nth-of-type(n)`, `*`, descendants, children and lists; a
 * selector with anything else matches nothing. Matching takes time in proportion to the selector and
 * the path, whatever either holds.
 */
import type { Element } from "../events/elements.ts";

interface Attribute {
  readonly name: string;
  /** Null where it only has to be there. */
  readonly value: string | null;
  readonly operator: "=" | "^=" | "$=" | "*=";
}

/** What one element has to be. */
interface Part {
  tag: string | null;
  readonly classes: string[];
  readonly ids: string[];
  readonly attributes: Attribute[];
  readonly nthChild: number[];
  readonly nthOfType: number[];
  /** Whether the element before has to be its parent. */
  isChild: boolean;
}

/** A selector that was read: one list of parts, outermost first, for each of its alternatives. */
export type Selector = readonly (readonly Part[])[];

const MAX_LENGTH = 5_000;
const MAX_PARTS = 100;
/** So many elements are looked at, from the innermost outwards: no real page nests deeper. */
const MAX_PATH = 1_000;

/** Names: letters, digits, `-`, `_`, everything beyond ASCII, and anything behind a backslash. */
const NAME = /(?:[A-Za-z0-9_-]|[^\0-\x7f]|\\.)+/y;
const ATTRIBUTE =
  /\[\s*([\w:-]+)\s*(?:([$^*]?=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\]"'\s]+)\s*)?\]/y;
const NTH = /:(nth-child|nth-of-type)\(\s*(\d+)\s*\)/y;
const COMBINATOR = /\s*([>,])\s*|\s+/y;

/** Reads a selector; null for one that is not understood. */
export function parseSelector(text: string): Selector | null {
  const source = text.trim();
  if (source === "" || source.length > MAX_LENGTH) return null;
  const alternatives: Part[][] = [];
  let parts: Part[] = [];
  let isChild = false;
  for (let at = 0; at < source.length;) {
    const { part, end } = readPart(source, at, isChild);
    if (part === null) return null;
    if (parts.push(part) > MAX_PARTS) return null;
    at = end;
    if (at === source.length) break;
    const combinator = matchAt(COMBINATOR, source, at);
    // A combinator at the end has nothing behind it.
    if (combinator === null || at + combinator[0].length === source.length) return null;
    at += combinator[0].length;
    isChild = combinator[1] === ">";
    if (combinator[1] !== ",") continue;
    alternatives.push(parts);
    parts = [];
  }
  alternatives.push(parts);
  return alternatives;
}

/** Reads what is said of one element. */
function readPart(
  source: string,
  start: number,
  isChild: boolean,
): { readonly part: Part | null; readonly end: number } {
  const part: Part = {
    tag: null,
    classes: [],
    ids: [],
    attributes: [],
    nthChild: [],
    nthOfType: [],
    isChild,
  };
  let at = start;
  if (source[at] === "*") at++;
  else {
    const tag = matchAt(NAME, source, at);
    if (tag !== null) {
      part.tag = nameOf(tag[0]).toLowerCase();
      at += tag[0].length;
    }
  }
  while (at < source.length) {
    const length = readCondition(part, source, at);
    if (length === null) return { part: null, end: at };
    if (length === 0) break;
    at += length;
  }
  return { part: at === start ? null : part, end: at };
}

/** Reads a class, an id, an attribute or a pseudo-class. 0 where there is none, null for another. */
function readCondition(part: Part, source: string, at: number): number | null {
  const sign = source[at];
  if (sign === "." || sign === "#") {
    const name = matchAt(NAME, source, at + 1);
    if (name === null) return null;
    (sign === "." ? part.classes : part.ids).push(nameOf(name[0]));
    return name[0].length + 1;
  }
  if (sign === "[") {
    const match = matchAt(ATTRIBUTE, source, at);
    if (match === null) return null;
    const [whole, name = "", operator = "=", value] = match;
    part.attributes.push({
      name: name.toLowerCase(),
      operator: operator as Attribute["operator"],
      value: value === undefined ? null : valueOf(value),
    });
    return whole.length;
  }
  if (sign === ":") {
    const match = matchAt(NTH, source, at);
    if (match === null) return null;
    (match[1] === "nth-child" ? part.nthChild : part.nthOfType).push(Number(match[2]));
    return match[0].length;
  }
  return sign === ">" || sign === "," || /\s/.test(sign ?? "") ? 0 : null;
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

function nameOf(escaped: string): string {
  return escaped.replace(/\\(.)/g, "$1");
}

function valueOf(text: string): string {
  return /^["']/.test(text) ? nameOf(text.slice(1, -1)) : text;
}

/** Whether any element of the path, which is given innermost first, is one the selector means. */
export function matchesSelector(elements: readonly Element[], selector: Selector): boolean {
  const outermostFirst = elements.slice(0, MAX_PATH).reverse();
  return selector.some((parts) => matchesParts(outermostFirst, parts));
}

function matchesParts(path: readonly Element[], parts: readonly Part[]): boolean {
  // Where the part before can stand: with the parts so far placed, it is at these elements.
  let before: readonly boolean[] | null = null;
  for (const part of parts) {
    const here: boolean[] = [];
    let isBelow = false;
    path.forEach((element, depth) => {
      const isPlaced = before === null || (part.isChild ? before[depth - 1] === true : isBelow);
      here.push(isPlaced && isMeant(element, part));
      isBelow ||= before?.[depth] === true;
    });
    before = here;
  }
  return before?.includes(true) ?? false;
}

function isMeant(element: Element, part: Part): boolean {
  return (part.tag === null || element.tag_name?.toLowerCase() === part.tag) &&
    part.classes.every((name) => element.attr_class?.includes(name)) &&
    part.ids.every((id) => element.attr_id === id) &&
    part.nthChild.every((place) => element.nth_child === place) &&
    part.nthOfType.every((place) => element.nth_of_type === place) &&
    part.attributes.every((attribute) => hasAttribute(element, attribute));
}

function hasAttribute(element: Element, { name, operator, value }: Attribute): boolean {
  const found = name === "id"
    ? element.attr_id
    : name === "href"
    ? element.href
    : element.attributes[`attr__${name}`];
  if (found === undefined || found === null) return false;
  if (value === null) return true;
  const text = String(found);
  switch (operator) {
    case "=":
      return text === value;
    case "^=":
      return value !== "" && text.startsWith(value);
    case "$=":
      return value !== "" && text.endsWith(value);
    case "*=":
      return value !== "" && text.includes(value);
  }
}
