import assert from "node:assert/strict";
import { type Element, extractElements } from "../../src/events/elements.ts";
import { chainOfElements, elementsOfChain } from "../../src/events/elements_chain.ts";

Deno.test("elements as one text are those of the server before", () => {
  const chain = (elements: Record<string, unknown>[]) => chainOfElements(extractElements(elements));
  assert.equal(
    chain([
      {
        tag_name: "button",
        $el_text: "Buy now",
        attr__class: "cta big",
        attr__id: "go",
        "attr__data-x": "7",
        nth_child: 2,
        nth_of_type: 1,
      },
      { tag_name: "form", nth_child: 1, nth_of_type: 1, attr__href: "/x" },
    ]),
    'button.big.cta:attr__class="cta big"attr__data-x="7"attr__id="go"attr_id="go"nth-child="2"' +
      'nth-of-type="1"text="Buy now";form:attr__href="/x"href="/x"nth-child="1"nth-of-type="1"',
  );
  assert.equal(
    chain([{ tag_name: "i", $el_text: 'say "hi"; \\', attr__title: 'a"b', nth_child: 0 }]),
    'i:attr__title="a\\"b"nth-child="0"nth-of-type="0"text="say \\"hi\\"; \\"',
  );
  assert.equal(
    chain([{ tag_name: "a", attr__x: null, attr__class: 'q"uote ' }]),
    'a..quote:attr__class="q\\"uote "attr__x=""nth-child="0"nth-of-type="0"',
  );
});

Deno.test("a chain is parsed back into its elements", () => {
  const small: Element = {
    tag_name: "a",
    href: "/a-url",
    attr_class: ["small"],
    text: "bla bla",
    attributes: { prop: "value", number: 33, "data-attr": 'something " that; could mess up' },
    nth_child: 1,
    nth_of_type: 0,
  };
  const button: Element = {
    tag_name: "button",
    attr_class: ["btn", "btn-primary"],
    attributes: {},
  };
  const chain = chainOfElements([
    small,
    button,
    { tag_name: "div", attributes: {} },
    { tag_name: "div", attr_id: "nested", attributes: {} },
  ]);
  assert.equal(
    chain,
    'a.small:data-attr="something \\" that; could mess up"href="/a-url"nth-child="1"' +
      'nth-of-type="0"number="33"prop="value"text="bla bla";' +
      'button.btn.btn-primary:nth-child="0"nth-of-type="0";div:nth-child="0"nth-of-type="0";' +
      'div:attr_id="nested"nth-child="0"nth-of-type="0"',
  );
  const nth = { nth_child: 0, nth_of_type: 0 };
  assert.deepEqual(elementsOfChain(chain), [
    {
      ...small,
      attributes: {
        "data-attr": 'something \\" that; could mess up',
        number: "33",
        prop: "value",
      },
    },
    { ...button, ...nth },
    { tag_name: "div", ...nth, attributes: {} },
    { tag_name: "div", attr_id: "nested", ...nth, attributes: {} },
  ]);
});

Deno.test("whatever a chain says is read, and nothing else", () => {
  const cases: [chain: string, elements: Element[]][] = [
    ["", []],
    [";;", []],
    ["div", [{ tag_name: "div", attributes: {} }]],
    ["div.a:", [{ tag_name: "div", attr_class: ["a"], attributes: {} }]],
    ["a;b.c", [
      { tag_name: "a", attributes: {} },
      { tag_name: "b", attr_class: ["c"], attributes: {} },
    ]],
    ['.x:text="t"', [{ attr_class: ["x"], text: "t", attributes: {} }]],
    // Empty classes are none; an empty value is one.
    ['a..b:attr__x=""text="t"', [
      { tag_name: "a", attr_class: ["b"], text: "t", attributes: { attr__x: "" } },
    ]],
    // Colons and equals signs in classes, keys and values.
    ['a.md:flex:attr__xlink:href="x=y:z"nth-child="2"', [
      {
        tag_name: "a",
        attr_class: ["md:flex"],
        nth_child: 2,
        attributes: { "attr__xlink:href": "x=y:z" },
      },
    ]],
    ['svg:path:nth-child="1"', [{ tag_name: "svg:path", nth_child: 1, attributes: {} }]],
    ['a:text="one\ntwo; three"', [{ tag_name: "a", text: "one\ntwo; three", attributes: {} }]],
    // A number that is none is no field, and nothing is lost.
    ['a:nth-child="x"', [{ tag_name: "a", attributes: { "nth-child": "x" } }]],
    ['a:text="never ends; b:text=', [
      { tag_name: "a", text: "never ends; b:text=", attributes: {} },
    ]],
    ['a:__proto__="p"', [
      { tag_name: "a", attributes: JSON.parse('{"__proto__":"p"}') },
    ]],
  ];
  for (const [chain, elements] of cases) assert.deepEqual(elementsOfChain(chain), elements, chain);
});

Deno.test("elements without quotes come out of their chain as they went in", () => {
  const sent = extractElements([
    {
      tag_name: "button",
      $el_text: "Jetzt kaufen 🦔",
      attr__class: "w-full md:flex",
      attr__id: "go",
      "attr__data-x": "7",
      attr__href: "/x?a=1;b=2",
      nth_child: 2,
      nth_of_type: 1,
    },
    { tag_name: "form", nth_child: 1, nth_of_type: 1 },
  ]);
  assert.deepEqual(elementsOfChain(chainOfElements(sent)), sent);
});

Deno.test("long texts that are no chains take no long time", () => {
  for (const part of ["a;", '="', '"', 'a:b="', '\\"', ".:;="]) {
    elementsOfChain(part.repeat(100_000));
  }
});
