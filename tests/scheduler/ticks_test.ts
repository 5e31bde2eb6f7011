import assert from "node:assert/strict";
import { latestTick, missedTicks, ticksBetween } from "../../src/scheduler/ticks.ts";

const at = (text: string) => new Date(`2021-10-28T${text}`);
const texts = (dates: readonly Date[]) => dates.map((date) => date.toISOString().slice(11, 19));

Deno.test("ticks are the starts of minutes, hours and days", () => {
  const now = at("12:34:56.789Z");
  assert.equal(latestTick("runEveryMinute", now).toISOString(), "2021-10-28T12:34:00.000Z");
  assert.equal(latestTick("runEveryHour", now).getMinutes(), 0);
  const day = latestTick("runEveryDay", now);
  assert.deepEqual([day.getHours(), day.getMinutes(), day.getSeconds()], [0, 0, 0]);
  assert.equal(latestTick("runEveryMinute", at("12:34:00Z")).getTime(), at("12:34:00Z").getTime());
});

Deno.test("ticks between two moments are each there once, of very many the latest", () => {
  assert.deepEqual(texts(ticksBetween("runEveryMinute", at("12:00:00Z"), at("12:03:10Z"))), [
    "12:01:00",
    "12:02:00",
    "12:03:00",
  ]);
  assert.deepEqual(ticksBetween("runEveryMinute", at("12:00:00Z"), at("12:00:59Z")), []);
  assert.deepEqual(texts(ticksBetween("runEveryMinute", at("11:59:59Z"), at("12:00:00Z"))), [
    "12:00:00",
  ]);
  const many = ticksBetween("runEveryMinute", at("01:00:00Z"), at("23:00:00Z"));
  assert.equal(many.length, 60);
  assert.equal(many.at(-1)?.toISOString(), "2021-10-28T23:00:00.000Z");
});

Deno.test("missed ticks are those in between", () => {
  assert.equal(missedTicks("runEveryMinute", at("12:00:00Z"), at("12:01:00Z")), 0);
  assert.equal(missedTicks("runEveryMinute", at("12:00:00Z"), at("12:05:00Z")), 4);
  assert.equal(missedTicks("runEveryHour", at("12:00:00Z"), at("15:00:00Z")), 2);
});
