import assert from "node:assert/strict";
import { timeUuid, uuidFromText } from "../../src/events/uuid.ts";

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

Deno.test("a uuid is well-formed, begins with its time, and counts within a millisecond", () => {
  const made = Array.from({ length: 3 }, () => timeUuid(1_600_000_000_000));
  for (const [index, uuid] of made.entries()) {
    assert.match(uuid, FORM);
    assert.equal(uuid.slice(0, 19), `0174876e-8000-000${index}-`.slice(0, 19));
  }
  assert.equal(timeUuid(1_600_000_000_001).slice(0, 18), "0174876e-8001-0000");
  assert.equal(new Set(Array.from({ length: 70_000 }, () => timeUuid(1))).size, 70_000);
});

Deno.test("uuids sort by the time they were made", () => {
  const made = [1, 255, 256, 1_600_000_000_000, 1_700_000_000_000].map((now) => timeUuid(now));
  assert.deepEqual(made.toSorted(), made);
});

Deno.test("a text has one uuid", () => {
  assert.match(uuidFromText("a"), FORM);
  assert.equal(uuidFromText("a"), uuidFromText("a"));
  assert.notEqual(uuidFromText("a"), uuidFromText("b"));
});
