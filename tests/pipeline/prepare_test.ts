import assert from "node:assert/strict";
import { KnownDefinitions } from "../../src/events/definitions.ts";
import type { PluginEvent } from "../../src/events/types.ts";
import { type PluginMarks, prepareEvent } from "../../src/pipeline/prepare.ts";

const base: PluginEvent = {
  uuid: "0174876e-8000-0000-0000-000000000000",
  event: "$pageview",
  distinct_id: "d",
  team_id: 2,
  ip: "1.2.3.4",
  site_url: null,
  now: "2021-10-28T12:00:00Z",
  sent_at: "2021-10-28T11:00:00Z",
  properties: {},
};

const prepare = (
  over: Partial<PluginEvent>,
  anonymizeIps = false,
  marks: PluginMarks | null = null,
  deferredTo: readonly string[] = [],
) =>
  prepareEvent({ ...base, ...over }, {
    claim: "c".repeat(32),
    team: { anonymizeIps, ingestedEvent: true },
    marks,
    deferredTo,
    definitions: new KnownDefinitions(),
    hasActions: false,
  });

const properties = (...args: Parameters<typeof prepare>) => JSON.parse(prepare(...args).properties);

Deno.test("the address is stored unless it is absent, anonymized or the sender's own [5.ip]", () => {
  assert.deepEqual(properties({}), { $ip: "1.2.3.4" });
  assert.deepEqual(properties({ ip: null }), {});
  assert.deepEqual(properties({}, true), {});
  assert.deepEqual(properties({ properties: { $ip: "own" } }), { $ip: "own" });
});

Deno.test("person updates are stored with the event and asked of the person", () => {
  const event = prepare({ ip: null, $set: { a: 1 }, properties: { utm_source: "x" } });
  assert.deepEqual(JSON.parse(event.properties), {
    utm_source: "x",
    $set: { a: 1, utm_source: "x" },
    $set_once: { $initial_utm_source: "x" },
  });
  assert.deepEqual(event.person.set, { a: 1, utm_source: "x" });
  assert.equal(event.person.createdAt, "2021-10-28T11:00:00.000Z");
});

Deno.test("a group's $set is stored with the event but is not the person's", () => {
  const event = prepare({ event: "$groupidentify", $set: { a: 1 } });
  assert.deepEqual(JSON.parse(event.properties).$set, { a: 1 });
  assert.equal(event.person.set, null);
});

Deno.test("which plugins ran is said, all three lists or none [5.succeeded]", () => {
  assert.deepEqual(properties({ ip: null }, false, { succeeded: ["A (1)"], failed: [] }), {
    $plugins_succeeded: ["A (1)"],
    $plugins_failed: [],
    $plugins_deferred: [],
  });
  // A plugin that is only told of stored events is said as well.
  assert.deepEqual(properties({ ip: null }, false, null, ["B (2)"]), {
    $plugins_succeeded: [],
    $plugins_failed: [],
    $plugins_deferred: ["B (2)"],
  });
  assert.deepEqual(properties({ ip: null }), {});
});

Deno.test("identify and alias ask for a merge, unless an id is one that many share", () => {
  const merge = (event: string, distinctId: string, own: Record<string, unknown>) =>
    prepare({ event, distinct_id: distinctId, properties: own }).person.merge;
  assert.deepEqual(merge("$identify", "d", { $anon_distinct_id: "a" }), {
    otherId: "a",
    identifies: true,
  });
  assert.deepEqual(merge("$create_alias", "d", { alias: 7 }), { otherId: "7", identifies: false });
  assert.equal(merge("$identify", "d", {}), null);
  assert.equal(merge("$identify", "d", { $anon_distinct_id: "d" }), null);
  assert.equal(merge("$pageview", "d", { $anon_distinct_id: "a" }), null);
  for (
    const illegal of ["  ", "Guest", "NaN", "undefined", "[object Object]", "0", "x".repeat(401)]
  ) {
    assert.equal(merge("$identify", illegal, { $anon_distinct_id: "a" }), null, illegal);
    assert.equal(merge("$identify", "d", { $anon_distinct_id: illegal }), null, illegal);
  }
  assert.notEqual(merge("$identify", "Nan", { $anon_distinct_id: "a" }), null);
});

Deno.test("names are cut, elements leave the properties, an empty list stays", () => {
  assert.equal(prepare({ event: "n".repeat(300) }).name.length, 200);
  const clicked = prepare({ ip: null, properties: { $elements: [{ tag_name: "a" }] } });
  assert.equal(clicked.properties, "{}");
  assert.equal(clicked.elements?.json, '[{"attributes":{},"tag_name":"a"}]');
  assert.deepEqual(properties({ ip: null, properties: { $elements: [] } }), { $elements: [] });
});

Deno.test("a recording needs its session and its data", () => {
  const event = prepare({
    event: "$snapshot",
    properties: { $session_id: "s", $snapshot_data: { a: 1 } },
  });
  assert.deepEqual(event.recording, { sessionId: "s", snapshotData: '{"a":1}' });
  assert.throws(
    () => prepare({ event: "$snapshot", properties: { $snapshot_data: {} } }),
    /session_id/,
  );
  assert.throws(() => prepare({ event: "$snapshot", properties: { $session_id: "s" } }), /data/);
});
