import assert from "node:assert/strict";
import {
  type Element,
  elementsHash,
  extractElements,
  withElements,
} from "../../src/events/elements.ts";

Deno.test("elements hash as the server before did", () => {
  const cases: [unknown[], string][] = [
    [[
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
    ], "aadd22b5a4b83b4bb53efc99865520e5"],
    [
      [{ tag_name: "p", $el_text: "naïve 🦔", nth_child: 1, nth_of_type: 1 }],
      "21b7d87a2ed4591ab715926dfc2bd545",
    ],
    [
      [{ tag_name: "i", $el_text: 'say "hi"; \\', attr__title: 'a"b', nth_child: 0 }],
      "0a8aad3c1ce4b36f6303e74d95043dfd",
    ],
    [
      [{ tag_name: "a", attr__href: "h".repeat(3000), $el_text: "t".repeat(500) }],
      "ac7eb6bf3c77401adad537357afc977c",
    ],
  ];
  for (const [elements, expected] of cases) {
    assert.equal(elementsHash(extractElements(elements)), expected);
  }
});

Deno.test("fields are cut and sorted, attributes are not", () => {
  const [element] = extractElements([{
    $el_text: "t".repeat(500),
    attr__href: "h".repeat(3000),
    attr__class: "b  a",
    nth_child: "3",
  }]);
  assert.equal(element?.text?.length, 400);
  assert.equal(element?.href?.length, 2048);
  assert.deepEqual(element?.attr_class, ["", "a", "b"]);
  assert.equal(element?.nth_child, 3);
  assert.equal(element?.attributes.attr__href, "h".repeat(3000));
});

Deno.test("members of the wrong type cost nothing", () => {
  const odd = [null, 5, "x", { $el_text: 7, attr__class: ["x", 1], attr__href: {}, nth_child: {} }];
  assert.deepEqual(extractElements(odd), [
    {
      text: "7",
      attr_class: ["1", "x"],
      href: "{}",
      attributes: { attr__class: ["x", 1], attr__href: {} },
    } satisfies Element,
  ]);
});

Deno.test("properties have the elements of the event's row where they came", () => {
  const properties = { $ip: "::1" };
  for (const nothing of [null, undefined, [], "[]", {}, [7]]) {
    assert.deepEqual(withElements(properties, nothing), properties);
  }
  const elements = extractElements([{ $el_text: "Buy", tag_name: "a" }, { tag_name: "p" }]);
  assert.deepEqual(withElements(properties, elements), {
    $ip: "::1",
    $elements: [
      { text: "Buy", $el_text: "Buy", tag_name: "a", attributes: {} },
      { tag_name: "p", attributes: {} },
    ],
  });
});
