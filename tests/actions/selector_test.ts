import assert from "node:assert/strict";
import { matchesSelector, parseSelector } from "../../src/actions/selector.ts";
import type { Element } from "../../src/events/elements.ts";

/** A path innermost first, from texts such as `div.a#b`, outermost first. */
function path(...outermostFirst: (string | Partial<Element>)[]): Element[] {
  return outermostFirst.map((entry) => {
    if (typeof entry !== "string") return { attributes: {}, ...entry };
    const [tag = "", ...classes] = entry.split(".");
    return {
      tag_name: tag,
      attributes: {},
      ...(classes.length > 0 ? { attr_class: classes } : {}),
    };
  }).reverse();
}

function matches(selector: string, elements: readonly Element[]): boolean {
  const parsed = parseSelector(selector);
  return parsed !== null && matchesSelector(elements, parsed);
}

const button: Partial<Element> = {
  tag_name: "button",
  attr_id: "Go",
  attr_class: ["md:w-1/2", "big"],
  nth_child: 2,
  nth_of_type: 1,
  href: "/x",
  attributes: { "attr__data-id": "7", attr__title: 'two "words"', attr__class: "big" },
};

Deno.test("what is said of one element", () => {
  const elements = path("div", button);
  const expected: Record<string, boolean> = {
    "button": true,
    "BUTTON": true,
    "*": true,
    ".big": true,
    "button.big": true,
    "button.big.small": false,
    ".md\\:w-1\\/2": true,
    "#Go": true,
    "#go": false,
    "button#Go.big": true,
    '[id="Go"]': true,
    "[id=Go]": true,
    "[data-id='7']": true,
    "button[data-id]": true,
    "[data-none]": false,
    '[title="two \\"words\\""]': true,
    '[data-id="7"][title^="two"]': true,
    '[title$="words\\""]': true,
    '[title*="o \\"w"]': true,
    '[title*=""]': false,
    '[href="/x"]': true,
    ":nth-child(2)": true,
    "button:nth-child(2):nth-of-type(1)": true,
    ":nth-child(0)": false,
    "div:nth-child(2)": false,
    "my-button": false,
  };
  for (const [selector, isMatch] of Object.entries(expected)) {
    assert.equal(matches(selector, elements), isMatch, selector);
  }
  assert.equal(matches("my-button", path("my-button")), true);
  assert.equal(matches("*", []), false);
});

Deno.test("descendants, children and lists", () => {
  const elements = path("main", "section", "div.a", "div.b", "span");
  const expected: Record<string, boolean> = {
    "main span": true,
    "main > span": false,
    "div > span": true,
    "div.a > span": false,
    "div.a span": true,
    "main > section > div > div > span": true,
    "main>section span": true,
    "section > * > div": true,
    "section > *": true,
    "main div.b": true,
    "span main": false,
    "span, nothing": true,
    "nothing,   div.b > span": true,
    "nothing, nowhere": false,
  };
  for (const [selector, isMatch] of Object.entries(expected)) {
    assert.equal(matches(selector, elements), isMatch, selector);
  }
});

Deno.test("an earlier element that fits does not hide a later one", () => {
  const repeated = path("aside", "div", "div", "div", "span");
  assert.equal(matches("aside div > span", repeated), true);
  assert.equal(matches("aside > div > span", repeated), false);
  assert.equal(matches("main > div > span", path("main", "div", "div", "span")), false);
  assert.equal(matches("a > b c > d", path("a", "b", "c", "x", "c", "d")), true);
  const numbered = path("section", { tag_name: "span", nth_child: 2, nth_of_type: 1 });
  assert.equal(matches("section > span:nth-child(2):nth-of-type(1)", numbered), true);
});

Deno.test("what is not understood matches nothing, and never hangs", () => {
  for (
    const selector of [
      "",
      "> div",
      "div >",
      "div > > span",
      "div + span",
      "div ~ span",
      "span:hover",
      ":nth-child(2n+1)",
      ":nth-child(n)",
      ":not(div)",
      "div:nth-child(",
      "[",
      "[a",
      "[='x']",
      ".",
      "#",
      "..a",
      "div,",
      ",div",
      "div,,span",
      "a{b}",
      "x".repeat(6_000),
    ]
  ) assert.equal(parseSelector(selector), null, selector);
  assert.equal(parseSelector("div ".repeat(101)), null);
  const long = path(...Array.from({ length: 5_000 }, () => "div"));
  assert.equal(matches(`${"div ".repeat(99)}> p`, long), false);
  assert.equal(matches(`${"* > ".repeat(99)}div`, long), true);
});
