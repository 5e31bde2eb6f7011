import assert from "node:assert/strict";
import { SetupAttempts } from "../../../src/plugins/hosts/setup_attempts.ts";

Deno.test("ten attempts, twice as far apart each time; then it is given up, and tried on [5.setup]", () => {
  const attempts = new SetupAttempts();
  const error = { message: "no" };
  const outcomes = Array.from({ length: 11 }, () => attempts.ended(1, error));
  assert.deepEqual(
    outcomes.map((outcome) => [outcome.kind, "waitMs" in outcome ? outcome.waitMs / 1000 : null]),
    [
      ["retry", 3],
      ["retry", 6],
      ["retry", 12],
      ["retry", 24],
      ["retry", 48],
      ["retry", 96],
      ["retry", 192],
      ["retry", 384],
      ["retry", 768],
      ["give up", 768],
      ["give up", 768],
    ],
  );
  assert.equal(attempts.hasServed(1), false);
  assert.deepEqual(attempts.ended(1, null), { kind: "ready" });
  assert.ok(attempts.isReady(1) && attempts.hasServed(1) && !attempts.isReady(2));
  // A new process has to set it up again, from the first attempt on.
  attempts.restarted();
  assert.ok(!attempts.isReady(1) && attempts.hasServed(1) && !attempts.isSettled(1));
  assert.deepEqual(attempts.ended(1, error), { kind: "retry", waitMs: 3_000 });
});
