import assert from "node:assert/strict";
import type { Action, ActionStep } from "../../src/actions/action.ts";
import { ActionMatcher, type ActionPerson, cohortsOf } from "../../src/actions/action_matcher.ts";
import type { Element } from "../../src/events/elements.ts";
import type { ActionSubject } from "../../src/events/prepared_event.ts";
import type { JsonObject } from "../../src/events/types.ts";

const NO_STEP: ActionStep = {
  tagName: null,
  text: null,
  href: null,
  selector: null,
  url: null,
  urlMatching: null,
  event: null,
  properties: [],
};

const action = (...steps: Partial<ActionStep>[]): Action => ({
  id: 1,
  teamId: 2,
  name: "test",
  postToSlack: false,
  slackMessageFormat: "",
  steps: steps.map((step) => ({ ...NO_STEP, ...step })),
});

const subject = (
  properties: JsonObject = {},
  name = "$pageview",
  elements: Partial<Element>[] = [],
): ActionSubject => ({
  event: {
    uuid: "u",
    event: name,
    distinct_id: "d",
    team_id: 2,
    ip: null,
    site_url: null,
    now: "",
    sent_at: null,
    properties,
  },
  elements: elements.map((element) => ({ attributes: {}, ...element })),
});

const person = (properties: JsonObject, cohorts: number[] = []): ActionPerson => ({
  properties,
  isMemberOf: (id) => cohorts.includes(id),
});

const matcher = new ActionMatcher();
const matches = (
  tested: Action,
  event: ActionSubject,
  who: ActionPerson | null = person({}),
): boolean => matcher.matching([tested], event, who).length === 1;

/** Which of the values, by their JSON, pass a filter on the property `foo`; `absent` is no value. */
function passing(operator: string | undefined, value: unknown, candidates: unknown[]): string[] {
  const tested = action({ properties: [{ type: "event", key: "foo", value, operator }] });
  const hits = candidates.filter((foo) => matches(tested, subject({ foo })))
    .map((foo) => JSON.stringify(foo));
  return matches(tested, subject({})) ? [...hits, "absent"] : hits;
}

const VALUES = ["bar", "baR", "barabara", 7, true, null];

Deno.test("an action without steps matches nothing, an empty step everything", () => {
  assert.equal(matches(action(), subject()), false);
  assert.equal(matches(action({}), subject()), true);
});

Deno.test("the actions that match keep their order", () => {
  const actions = [3, 1, 2].map((id) => ({
    ...action(id === 1 ? { event: "other" } : {}),
    id,
  }));
  assert.deepEqual(matcher.matching(actions, subject(), null).map(({ id }) => id), [3, 2]);
});

Deno.test("property filters: exact and is_not are opposites", () => {
  assert.deepEqual(passing("exact", "bar", VALUES), ['"bar"']);
  assert.deepEqual(passing(undefined, "bar", VALUES), ['"bar"']);
  assert.deepEqual(passing("unheard of", "bar", VALUES), ['"bar"']);
  assert.deepEqual(passing("is_not", "bar", VALUES), [
    '"baR"',
    '"barabara"',
    "7",
    "true",
    "null",
    "absent",
  ]);
});

Deno.test("property filters: icontains and not_icontains", () => {
  assert.deepEqual(passing("icontains", "BAR", VALUES), ['"bar"', '"baR"', '"barabara"']);
  assert.deepEqual(passing("not_icontains", "bar", VALUES), ["7", "true", "null", "absent"]);
});

Deno.test("property filters: regex and not_regex", () => {
  assert.deepEqual(passing("regex", "^bar", VALUES), ['"bar"', '"barabara"']);
  assert.deepEqual(passing("not_regex", "^bar", VALUES), [
    '"baR"',
    "7",
    "true",
    "null",
    "absent",
  ]);
  // A pattern that is none matches nothing, whichever way it is asked.
  for (const operator of ["regex", "not_regex"]) {
    for (const pattern of ["(", "(?=bar)", "a{1001}", "((a{100}){100}){100}", "a".repeat(6_000)]) {
      assert.deepEqual(passing(operator, pattern, ["bar"]).filter((hit) => hit !== "absent"), []);
    }
  }
});

Deno.test("property filters: is_set and is_not_set", () => {
  assert.deepEqual(passing("is_set", "", VALUES), VALUES.map((value) => JSON.stringify(value)));
  assert.deepEqual(passing("is_not_set", "", VALUES), ["absent"]);
});

Deno.test("property filters: gt and lt", () => {
  const values = [-1, 5, 9999999, true, null, "bar", "7"];
  assert.deepEqual(passing("gt", 5, values), ["9999999"]);
  assert.deepEqual(passing("lt", 5, values), ["-1", "true"]);
  assert.deepEqual(passing("gt", "3", [5, "5"]), ["5"]);
  assert.deepEqual(passing("lt", "true", [false, 0, 1]), ["false", "0"]);
});

Deno.test("property filters: values of different types", () => {
  const pairs: [unknown, unknown, boolean][] = [
    [2, "2", true],
    [true, "true", true],
    ["1", true, true],
    ["1", "true", false],
    [false, "1", false],
    ["yes", true, true],
    ["", 0, true],
    [["x"], "x", true],
    [{ a: 1 }, { a: 1 }, false],
    // A value that JavaScript cannot make a text of is like none.
    [JSON.parse('{"toString":1,"valueOf":1}'), "x", false],
  ];
  for (const [found, wanted, isEqual] of pairs) {
    const hits = passing("exact", wanted, [found]);
    assert.equal(hits.length === 1, isEqual, `${JSON.stringify(found)} ${JSON.stringify(wanted)}`);
  }
  assert.deepEqual(passing("is_not", "true", [true]), ["absent"]);
});

Deno.test("property filters: lists are any of, or none of where the operator is negative", () => {
  assert.deepEqual(passing("exact", ["bar", 7], VALUES), ['"bar"', "7"]);
  assert.deepEqual(passing("is_not", ["bar", 7], VALUES), [
    '"baR"',
    '"barabara"',
    "true",
    "null",
    "absent",
  ]);
  assert.deepEqual(passing("not_icontains", ["bar", "x"], ["bar", "ax", "b"]), ['"b"', "absent"]);
  assert.deepEqual(passing("not_regex", ["^b", "x$"], ["bar", "ax", "c"]), ['"c"', "absent"]);
  for (const operator of ["exact", "is_set", "is_not", "is_not_set"]) {
    assert.deepEqual(passing(operator, [], VALUES), [], operator);
  }
});

Deno.test("property filters: all of them, and what is no filter never passes", () => {
  const foo = { type: "event", key: "foo", value: "bar" };
  const all = action({ properties: [foo, { ...foo, key: "other", operator: "is_not_set" }] });
  assert.equal(matches(all, subject({ foo: "bar" })), true);
  assert.equal(matches(all, subject({ foo: "bar", other: 1 })), false);
  for (const wrong of [null, 5, {}, { key: "foo", value: "bar" }, { ...foo, type: "recording" }]) {
    assert.equal(matches(action({ properties: [wrong] }), subject({ foo: "bar" })), false);
  }
  assert.equal(matches(action({ properties: { foo: "bar" } }), subject()), true);
  // Members of every object's prototype are not properties.
  assert.deepEqual(passing("is_set", "", []), []);
  const inherited = { type: "event", key: "constructor", operator: "is_set", value: "" };
  assert.equal(matches(action({ properties: [inherited] }), subject()), false);
});

Deno.test("the person's properties", () => {
  const exact = (operator?: string) =>
    action({ properties: [{ type: "person", key: "foo", value: "bar", operator }] });
  assert.equal(matches(exact(), subject(), person({ foo: "bar" })), true);
  assert.equal(matches(exact(), subject(), person({ foo: "baR" })), false);
  assert.equal(matches(exact(), subject({ foo: "bar" }), person({})), false);
  assert.equal(matches(exact(), subject(), null), false);
  assert.equal(matches(exact("is_not"), subject(), null), true);
});

Deno.test("cohorts: members only, 'all' is everybody", () => {
  const cohort = (value: unknown) => action({ properties: [{ type: "cohort", key: "id", value }] });
  assert.equal(matches(cohort(7), subject(), person({}, [7])), true);
  assert.equal(matches(cohort("7"), subject(), person({}, [7])), true);
  assert.equal(matches(cohort(7), subject(), person({}, [8])), false);
  assert.equal(matches(cohort(7), subject(), null), false);
  assert.equal(matches(cohort("all"), subject(), null), true);
  assert.equal(matches(cohort("seven"), subject(), person({}, [7])), false);
  assert.deepEqual(cohortsOf([cohort(7), cohort("9"), cohort("all"), cohort("x"), cohort(7)]), [
    7,
    9,
  ]);
});

Deno.test("the address: contains with % and _, exact, regular expression", () => {
  const url = (value: string, urlMatching: string | null, current: unknown) =>
    matches(action({ url: value, urlMatching }), subject({ $current_url: current }));
  const page = "https://example.com/some/index.html";
  for (const kind of ["contains", "", null]) {
    assert.equal(url("example.com/", kind, page), true);
    assert.equal(url("exampl_.com/%.html", kind, page), true);
    assert.equal(url("exampl_.com/%.htmx", kind, page), false);
    assert.equal(url("Example.com", kind, page), false);
    assert.equal(url("exampleXcom", kind, page), false);
    // Everything but the two is literal.
    assert.equal(url("example.com/.*%", kind, page), false);
    assert.equal(url("a%b", kind, "a\nb"), false);
  }
  assert.equal(url("https://example.com", "exact", "https://example.com"), true);
  assert.equal(url("https://example.com", "exact", "https://example.com/"), false);
  assert.equal(url("example\\.com/.*/index\\.html$", "regex", page), true);
  assert.equal(url("^example", "regex", page), false);
  assert.equal(url("(", "regex", page), false);
  for (const none of [undefined, null, "", 5]) assert.equal(url("%", "contains", none), false);
});

Deno.test("the name is compared as a whole, and with the address", () => {
  assert.equal(matches(action({ event: "meow" }), subject({}, "meow")), true);
  assert.equal(matches(action({ event: "meow" }), subject({}, "$meow")), false);
  const long = "n".repeat(300);
  assert.equal(matches(action({ event: long }), subject({}, long)), true);
  const both = action({ event: "meow", url: "pets.com/" });
  assert.equal(matches(both, subject({ $current_url: "https://pets.com/a" }, "meow")), true);
  assert.equal(matches(both, subject({ $current_url: "https://pets.com.de" }, "meow")), false);
  assert.equal(matches(both, subject({ $current_url: "https://pets.com/a" }, "woof")), false);
});

Deno.test("several steps: any of them, also where another cannot be decided", () => {
  const filter = (value: unknown, operator: string) => [
    { type: "event", key: "foo", value, operator },
  ];
  const tested = action(
    { event: "other" },
    { properties: filter("(", "regex") },
    { properties: filter("0", "exact") },
  );
  assert.equal(matches(tested, subject({ foo: 0 })), true);
  assert.equal(matches(tested, subject({ foo: 4 })), false);
});

const LINK = { tag_name: "a", href: "https://x/y", text: "go" };

Deno.test("elements: all that is asked for is true of one element", () => {
  const elements = [{ tag_name: "h1", text: "Title" }, { tag_name: "div" }, LINK];
  assert.equal(matches(action({ href: "https://x/y" }), subject({}, "e", elements)), true);
  assert.equal(matches(action({ href: "https://x/Y" }), subject({}, "e", elements)), false);
  assert.equal(matches(action({ tagName: "h1", text: "Title" }), subject({}, "e", elements)), true);
  assert.equal(matches(action({ tagName: "h1", text: "go" }), subject({}, "e", elements)), false);
  assert.equal(matches(action({ text: "go" }), subject()), false);
});

Deno.test("element filters look at any element's own fields", () => {
  const filter = (key: string, value: unknown, operator?: string) =>
    action({ properties: [{ type: "element", key, value, operator }] });
  const clicked = subject({}, "e", [{ tag_name: "i" }, LINK]);
  assert.equal(matches(filter("text", "go"), clicked), true);
  assert.equal(matches(filter("href", ["nope", "https://x/y"]), clicked), true);
  assert.equal(matches(filter("tag_name", "b"), clicked), false);
  assert.equal(matches(filter("text", "go"), subject()), false);
});

Deno.test("selectors of steps and of element filters", () => {
  const path = [
    { tag_name: "a", href: "https://x/y" },
    { tag_name: "h1", attr_class: ["c"] },
    { tag_name: "div" },
    { tag_name: "main" },
  ];
  const direct = path.filter(({ tag_name: tag }) => tag !== "div");
  const step = (selector: string, elements: Partial<Element>[]) =>
    matches(action({ selector }), subject({}, "e", elements));
  const filter = (value: unknown, elements: Partial<Element>[]) =>
    matches(
      action({ properties: [{ type: "element", key: "selector", value, operator: "is_not" }] }),
      subject({}, "e", elements),
    );
  assert.deepEqual(
    ["main h1.c", "main > h1.c", 'h1 > a[href="https://x/y"]'].map((text) => step(text, path)),
    [true, false, true],
  );
  assert.equal(step("main > h1.c", direct), true);
  assert.equal(filter(["nope", "main h1.c"], path), true);
  assert.equal(filter("main > h1.c", path), false);
  for (const empty of ["", null, []]) assert.equal(filter(empty, path), false);
});

Deno.test("a hostile pattern takes time in proportion to the text", () => {
  const text = `${"a".repeat(19_999)}!`;
  const hostile = action(
    { properties: [{ type: "event", key: "foo", value: "^(a+)+$", operator: "regex" }] },
    { properties: [{ type: "event", key: "foo", value: "^(a|a)*(a|aa)+$", operator: "regex" }] },
    { properties: [{ type: "event", key: "foo", value: "(.*)(.*)(.*)(.*)x", operator: "regex" }] },
  );
  // An engine with backtracking would not come back within the age of the universe.
  assert.equal(matches(hostile, subject({ foo: text })), false);
  const like = action({ url: `${"%a".repeat(500)}%b`, urlMatching: "contains" });
  assert.equal(matches(like, subject({ $current_url: text })), false);
});
