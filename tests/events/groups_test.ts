import assert from "node:assert/strict";
import { groupsOf, withGroupProperties } from "../../src/events/groups.ts";

Deno.test("what an event says of groups", () => {
  assert.equal(groupsOf("e", {}), undefined);
  assert.equal(groupsOf("e", { $groups: "company" }), undefined);
  assert.deepEqual(groupsOf("e", { $groups: JSON.parse('{"company":"a","__proto__":5}') }), {
    memberships: [{ type: "company", key: "a" }, { type: "__proto__", key: 5 }],
    identified: null,
  });
  const identify = (properties: Record<string, unknown>) =>
    groupsOf("$groupidentify", properties)?.identified ?? null;
  assert.deepEqual(identify({ $group_type: "company", $group_key: 7, $group_set: { a: "\0" } }), {
    type: "company",
    key: "7",
    properties: '{"a":"\uFFFD"}',
  });
  assert.deepEqual(identify({ $group_type: "t", $group_key: "k", $group_set: [1] }), {
    type: "t",
    key: "k",
    properties: "{}",
  });
  assert.equal(identify({ $group_type: "company", $group_key: "" }), null);
  assert.equal(identify({ $group_type: { a: 1 }, $group_key: "k" }), null);
  assert.equal(identify({ $group_type: "t", $group_key: "k".repeat(401) }), null);
  assert.equal(groupsOf("other", { $group_type: "t", $group_key: "k" }), undefined);
});

Deno.test("group properties are put into the JSON text, over the sender's own", () => {
  const index = (type: string) => ({ a: 0, b: 3 })[type] ?? null;
  const groups = [{ type: "a", key: "k" }, { type: "none", key: "x" }, { type: "b", key: [1] }];
  assert.equal(withGroupProperties("{}", groups, index), '{"$group_0":"k","$group_3":[1]}');
  assert.equal(
    withGroupProperties('{"p":1}', groups, index),
    '{"p":1,"$group_0":"k","$group_3":[1]}',
  );
  assert.deepEqual(
    JSON.parse(withGroupProperties('{"$group_0":"own","$group_1":"own"}', groups, index)),
    { $group_0: "k", $group_1: "own", $group_3: [1] },
  );
  assert.equal(withGroupProperties('{"p":1}', [], index), '{"p":1}');
});
