import assert from "node:assert/strict";
import { RequestClock } from "../../../src/plugins/egress/request_clock.ts";

function clocked(isTunnel: boolean) {
  let now = 0;
  const clock = new RequestClock(1_000, isTunnel, () => now);
  return {
    clock,
    at(moment: number, ...answers: boolean[]) {
      now = moment;
      for (const isAnswer of answers) clock.moved(isAnswer);
    },
  };
}

Deno.test("each request of a tunnel has its own time", () => {
  const { clock, at } = clocked(true);
  for (let moment = 0; moment < 10_000; moment += 900) at(moment, false, true);
  assert.equal(clock.idleMs, 0);
  at(10_500, true);
  assert.throws(() => at(12_000, true), /over 1 s/);
});

Deno.test("sending without end is one request, and so is an answer without end", () => {
  for (const isAnswer of [true, false]) {
    const { at } = clocked(true);
    at(0, false);
    at(500, isAnswer);
    at(1_000, isAnswer);
    assert.throws(() => at(1_001, isAnswer), /over 1 s/);
  }
});

Deno.test("plain HTTP is one request, whoever speaks", () => {
  const { at } = clocked(false);
  at(500, false, true, false, true);
  assert.throws(() => at(1_500, false), /over 1 s/);
});
