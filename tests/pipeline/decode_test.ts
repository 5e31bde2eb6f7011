import assert from "node:assert/strict";
import { PaddockError } from "../../src/errors.ts";
import type { RawEvent } from "../../src/events/types.ts";
import { decodeEvent } from "../../src/pipeline/decode.ts";

const DERIVED = "0174876e-8000-0000-0000-000000000000";
const OWN = "0174876E-8000-0000-0000-00000000000A";

function raw(data: Record<string, unknown>, over: Partial<RawEvent> = {}): RawEvent {
  return {
    teamId: 2,
    distinctId: "envelope",
    ip: "1.2.3.4",
    siteUrl: null,
    now: "2021-10-28T12:00:00Z",
    sentAt: null,
    data: { event: "e", ...data },
    uuid: DERIVED,
    ...over,
  };
}

const decode = (event: RawEvent) => decodeEvent(event, 100, 1_000_000).event;

Deno.test("the sender's members lie over the envelope, but not over the server's", () => {
  const event = decode(raw({ distinct_id: "own", team_id: 99, now: "x", ip: "6.6.6.6", extra: 1 }));
  assert.equal(event.distinct_id, "own");
  assert.equal(event.team_id, 2);
  assert.equal(event.now, "2021-10-28T12:00:00Z");
  assert.equal(event.ip, "1.2.3.4");
  assert.equal(event.extra, 1);
  assert.deepEqual(event.properties, {});
});

Deno.test("distinct ids are stored as JavaScript prints them", () => {
  const cases: [unknown, string][] = [[5, "5"], [true, "true"], [[1, 2], "1,2"], [
    { a: 1 },
    "[object Object]",
  ]];
  for (const [sent, stored] of cases) {
    assert.equal(decode(raw({ distinct_id: sent })).distinct_id, stored);
  }
});

Deno.test("a name that is not a text is stored as JSON", () => {
  assert.equal(decode(raw({ event: { a: 1 } })).event, '{"a":1}');
  assert.equal(decode(raw({ event: ["x", "y"] })).event, '["x","y"]');
  assert.equal(decode(raw({ event: null })).event, "null");
});

Deno.test("what cannot be stored is refused with the member at fault", () => {
  const deep = JSON.parse("[".repeat(5000) + "]".repeat(5000));
  const cases: [string, RawEvent, RegExp, number?][] = [
    ["no name", { ...raw({}), data: {} }, /'event' is missing/],
    ["no distinct id", raw({}, { distinctId: null }), /'distinct_id' is missing/],
    ["empty distinct id", raw({ distinct_id: "" }), /'distinct_id' is empty/],
    ["long distinct id", raw({ distinct_id: "x".repeat(1000) }), /1000 characters/],
    ["list as properties", raw({ properties: [1] }), /'properties' is not an object/],
    ["bad uuid", raw({ uuid: "nope" }), /Not a valid UUID: "nope"/],
    ["number as uuid", raw({ uuid: 5 }), /Not a valid UUID: "5"/],
    [
      "list as event",
      { ...raw({}), data: [] as unknown as Record<string, unknown> },
      /not an object/,
    ],
    ["text as team", raw({}, { teamId: "2" as unknown as number }), /team_id/],
    ["too large", raw({}), /EVENT_MAX_BYTES/, 5_000_000],
    ["too deep", raw({ properties: { deep } }), /nests deeper/, 10_000],
  ];
  for (const [name, event, reason, bytes] of cases) {
    assert.throws(() => decodeEvent(event, bytes ?? 100, 4_000_000), (error: unknown) => {
      assert.ok(error instanceof PaddockError, name);
      assert.equal(error.kind, "data", name);
      assert.match(error.message, reason, name);
      return true;
    });
  }
});

Deno.test("a repeat has the same claim, another event another", () => {
  const claim = (event: RawEvent) => decodeEvent(event, 100, 1_000).claim;
  const own = raw({ uuid: OWN, properties: { a: 1 } });
  // Delivered again, later and from elsewhere: the same event.
  assert.equal(claim(own), claim({ ...own, now: "2021-10-29T00:00:00Z", ip: "9.9.9.9" }));
  // A sender that uses one uuid for everything: other content is another event.
  assert.notEqual(claim(own), claim(raw({ uuid: OWN, properties: { a: 2 } })));
  assert.notEqual(claim(own), claim({ ...own, teamId: 3 }));
  // Without a uuid of its own the message decides.
  assert.equal(claim(raw({ a: 1 })), claim(raw({ a: 1 })));
  assert.notEqual(claim(raw({})), claim(raw({}, { uuid: OWN.toLowerCase() })));
});
