import assert from "node:assert/strict";
import { HookCalls } from "../../../src/plugins/hosts/hook_calls.ts";

const REQUEST = { hook: "onEvent", configId: 1, job: null };

Deno.test("as many events can be said to be done as were sent", () => {
  const calls = new HookCalls();
  assert.equal(calls.noteEvent(), false);
  calls.add(REQUEST, [new Uint8Array(1), new Uint8Array(1)]);
  assert.equal(calls.noteEvent(), false, "they are not with the process yet");
  calls.send(() => {});
  calls.add(REQUEST, [new Uint8Array(1)]);
  assert.deepEqual([1, 2, 3].map(() => calls.noteEvent()), [true, true, false]);
  calls.send(() => {});
  assert.deepEqual([1, 2].map(() => calls.noteEvent()), [true, false]);
});
