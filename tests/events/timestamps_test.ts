import assert from "node:assert/strict";
import { eventTimeMs, isoTime, parseDate } from "../../src/events/timestamps.ts";

const NOW = "2021-10-28T12:00:00.000Z";

Deno.test("the four rules of an event's time, in their order", () => {
  const cases: [string, Record<string, unknown>, string][] = [
    ["skew is taken out", {
      timestamp: "2021-10-29T14:00:00Z",
      sent_at: "2021-10-29T14:10:00Z",
    }, "2021-10-28T11:50:00.000Z"],
    ["other zones are honoured", {
      timestamp: "2021-10-29T16:00:00+02:00",
      sent_at: "2021-10-29T14:10:00Z",
    }, "2021-10-28T11:50:00.000Z"],
    ["no sent_at: the timestamp as it is", {
      timestamp: "2021-10-29T12:00:00Z",
      sent_at: null,
    }, "2021-10-29T12:00:00.000Z"],
    ["offset", { offset: 150 }, "2021-10-28T11:59:59.850Z"],
    ["offset as a text", { offset: "150" }, "2021-10-28T11:59:59.850Z"],
    ["offset of nothing", { offset: 0 }, NOW],
    ["nothing at all", {}, NOW],
    ["a space, no zone", { timestamp: "2021-05-01 10:00:00" }, "2021-05-01T10:00:00.000Z"],
    ["a date alone", { timestamp: "2021-05-01" }, "2021-05-01T00:00:00.000Z"],
    ["epoch milliseconds", { timestamp: 1600000000000 }, "2020-09-13T12:26:40.000Z"],
    ["RFC 2822", {
      timestamp: "Sat, 01 May 2021 10:00:00 GMT",
    }, "2021-05-01T10:00:00.000Z"],
    ["more digits than milliseconds", {
      timestamp: "2021-05-01T10:00:00.123456Z",
    }, "2021-05-01T10:00:00.123Z"],
    ["nonsense", { timestamp: "yesterday" }, NOW],
    ["year 99999", { timestamp: "+099999-01-01T00:00:00Z" }, NOW],
    ["an unusable sent_at", {
      timestamp: "2021-10-29T12:00:00Z",
      sent_at: "soon",
    }, "2021-10-29T12:00:00.000Z"],
    ["an object as a timestamp", { timestamp: {} }, NOW],
    ["an object as an offset", { offset: {} }, NOW],
  ];
  for (const [name, inputs, expected] of cases) {
    const ms = eventTimeMs({ now: NOW, sent_at: null, ...inputs });
    assert.equal(isoTime(ms), expected, name);
  }
});

Deno.test("a date outside of what the databases hold is no date", () => {
  for (const value of ["0000-01-01", "+010000-01-01T00:00:00Z", Infinity, -1e16, NaN, null, true]) {
    assert.ok(Number.isNaN(parseDate(value)), String(value));
  }
});
