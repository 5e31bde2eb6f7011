import assert from "node:assert/strict";
import { FrameType, MAX_CALLS_BYTES } from "../../../plugins_runtime/frames.ts";
import { Chatter, checkPayload, growthMs } from "../../../src/plugins/hosts/frame_limits.ts";

const frame = (type: number, bytes: number) => ({ type, id: 0, payload: new Uint8Array(bytes) });

Deno.test("a frame has a bound of its kind", () => {
  checkPayload(frame(FrameType.Calls, MAX_CALLS_BYTES));
  checkPayload(frame(FrameType.Results, 20_000_000));
  checkPayload(frame(FrameType.Pong, 0));
  assert.throws(() => checkPayload(frame(FrameType.Calls, 2 * MAX_CALLS_BYTES)), RangeError);
  assert.throws(() => checkPayload(frame(FrameType.Log, 5_000_000)), /type 107 with 5000000 bytes/);
  assert.throws(() => checkPayload(frame(FrameType.Refused, 5_000)), RangeError);
  assert.throws(() => checkPayload(frame(FrameType.Pong, 1)), RangeError);
});

Deno.test("a process that says too much is not listened to for a while", () => {
  const chatter = new Chatter();
  chatter.spent(6, 1_000);
  assert.equal(chatter.pauseMs(1_006), 0);
  // Over a twentieth of the window's 200 ms: until so much more has passed that it is one.
  chatter.spent(6, 1_012);
  assert.equal(chatter.pauseMs(1_012), 228);
  assert.equal(chatter.pauseMs(1_240), 0);
  chatter.spent(1, 1_240);
  assert.equal(chatter.pauseMs(1_240), 0, "a new window");
  chatter.spent(10_000, 2_000);
  assert.equal(chatter.pauseMs(2_000), 1_000, "at most");
});

Deno.test("answers far larger than their events cost what they will take", () => {
  assert.equal(growthMs(-1_000, 1), 0);
  assert.equal(growthMs(100 * 16 * 1024, 100), 0, "what looking things up adds is free");
  assert.equal(growthMs(16 * 1024 + 1024 * 1024, 1), 5);
});
