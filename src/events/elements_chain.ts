/**
 * The elements of an event as one text, as ClickHouse's events have them: `tag.class:key="value"…`,
 * innermost first, with `;` between them. The form is that of PostHog's plugin server 1.10.
 */
import { type Element, integerOf } from "./elements.ts";
import type { JsonObject } from "./types.ts";

/** Where `_` comes before `-`, `-` before digits, and `a` before `A` but after `0`. */
const BY_KEY = new Intl.Collator("en");

export function chainOfElements(elements: readonly Element[]): string {
  return elements.map((element) => {
    const { tag_name: tag = "", attr_class: classes = [], text, href, attr_id: id } = element;
    const attributes: JsonObject = {
      ...(text ? { text } : {}),
      "nth-child": element.nth_child ?? 0,
      "nth-of-type": element.nth_of_type ?? 0,
      ...(href ? { href } : {}),
      ...(id ? { attr_id: id } : {}),
      ...element.attributes,
    };
    const pairs = Object.keys(attributes).sort(BY_KEY.compare).map((key) =>
      `${quotesEscaped(key)}="${quotesEscaped(String(attributes[key] ?? ""))}"`
    );
    const names = classes.map((name) => `.${name.replaceAll('"', "")}`);
    return `${tag}${names.join("")}:${pairs.join("")}`;
  }).join(";");
}

function quotesEscaped(text: string): string {
  return text.replaceAll('"', '\\"');
}

/**
 * The elements that a text was made of, as far as it says: values are texts, `\"` in them stays as it
 * is (as whatever reads PostHog's chains has it), and a class with a dot is two. Takes any text, in
 * time proportional to its length: where it is no chain the elements are odd, not missing.
 */
export function elementsOfChain(chain: string): Element[] {
  const elements: Element[] = [];
  let head = "";
  let pairs: [key: string, value: string][] = [];
  let key: string | null = null;
  let from = 0;
  const endElement = (end: number) => {
    if (pairs.length === 0) head = chain.slice(from, end);
    if (head !== "" || pairs.length > 0) elements.push(elementOf(head, pairs));
    head = "";
    pairs = [];
    from = end + 1;
  };
  for (let at = 0; at < chain.length; at++) {
    const unit = chain[at];
    if (unit === '"' && key === null && chain[at - 1] === "=") {
      key = chain.slice(from, at - 1);
      // Before the first key stand the tag and the classes.
      if (pairs.length === 0) [head, key] = headAndKey(key);
      from = at + 1;
    } else if (unit === '"' && key !== null && (at === from || chain[at - 1] !== "\\")) {
      pairs.push([key, chain.slice(from, at)]);
      key = null;
      from = at + 1;
    } else if (unit === ";" && key === null) endElement(at);
  }
  if (key !== null) pairs.push([key, chain.slice(from)]);
  endElement(chain.length);
  return elements;
}

/** Classes and keys may both hold colons; every attribute of a page begins with `attr__`. */
function headAndKey(text: string): [head: string, key: string] {
  const attribute = text.indexOf(":attr__");
  const colon = attribute >= 0 ? attribute : text.lastIndexOf(":");
  return [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
}

function elementOf(head: string, pairs: readonly (readonly [string, string])[]): Element {
  const [tag = "", ...classes] = head.replace(/:$/, "").split(".");
  const element: Element = { attributes: {} };
  if (tag !== "") element.tag_name = tag;
  const names = classes.filter((name) => name !== "");
  if (names.length > 0) element.attr_class = names;
  const attributes: [string, string][] = [];
  for (const [key, value] of pairs) {
    const number = integerOf(value);
    if (key === "text" || key === "href" || key === "attr_id") element[key] = value;
    else if (key === "nth-child" && number !== undefined) element.nth_child = number;
    else if (key === "nth-of-type" && number !== undefined) element.nth_of_type = number;
    else attributes.push([key, value]);
  }
  element.attributes = Object.fromEntries(attributes);
  return element;
}
