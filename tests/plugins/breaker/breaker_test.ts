import assert from "node:assert/strict";
import { Breaker, type BreakerOptions, HEALTHY } from "../../../src/plugins/breaker/breaker.ts";

const OPTIONS: BreakerOptions = {
  slowStrikes: 2,
  pauseStrikes: 3,
  windowMs: 1_000,
  firstPauseMs: 100,
  longestPauseMs: 300,
  maxPauses: 3,
};

/** Strikes until it is paused. */
function pause(breaker: Breaker, now: number): number {
  for (let strike = 0; strike < OPTIONS.pauseStrikes; strike++) breaker.strike(now, "a crash");
  return breaker.status(now).pauseMs;
}

Deno.test("strikes within the window lead to the slow lane and then to a pause", () => {
  const breaker = new Breaker(OPTIONS);
  assert.equal(breaker.strike(0, "a crash"), null);
  assert.equal(breaker.state(0), "healthy");
  assert.equal(breaker.strike(10, "a crash"), "slow");
  assert.equal(breaker.strike(20, "a hang"), "paused");
  assert.deepEqual(breaker.status(30), {
    state: "paused",
    reason: "a hang",
    pauses: 1,
    pauseMs: 90,
  });
});

Deno.test("strikes far apart lead nowhere", () => {
  const breaker = new Breaker(OPTIONS);
  for (let now = 0; now < 20_000; now += 1_001) {
    assert.equal(breaker.strike(now, "a crash"), null);
    assert.equal(breaker.state(now), "healthy");
  }
});

Deno.test("slow work leads to the slow lane, never further", () => {
  const breaker = new Breaker(OPTIONS);
  assert.equal(breaker.dawdled(0, "12 s"), "slow");
  for (let now = 1; now < 5_000; now += 100) {
    assert.equal(breaker.dawdled(now, "12 s"), null);
    assert.equal(breaker.state(now), "slow");
  }
});

Deno.test("a pause ends on probation; good work for a window makes it healthy", () => {
  const breaker = new Breaker(OPTIONS);
  pause(breaker, 0);
  assert.equal(breaker.state(99), "paused");
  assert.equal(breaker.state(100), "slow");
  assert.equal(breaker.worked(500), null);
  assert.equal(breaker.worked(1_100), "healthy");
  assert.equal(pause(breaker, 2_000), 100, "the first pause again");
});

Deno.test("each pause is longer, up to a bound; after several it is disabled", () => {
  const breaker = new Breaker(OPTIONS);
  assert.equal(pause(breaker, 0), 100);
  assert.equal(pause(breaker, 100), 200);
  assert.equal(pause(breaker, 300), 300);
  pause(breaker, 600);
  assert.equal(breaker.state(1e9), "disabled");
  assert.equal(breaker.strike(1e9, "a crash"), null);
  breaker.adopt(HEALTHY, 1e9);
  assert.equal(breaker.state(1e9), "healthy");
  assert.equal(breaker.strike(1e9, "a crash"), null, "earlier strikes are forgotten");
});

Deno.test("what others decided is taken over; what is known already is not touched", () => {
  const breaker = new Breaker(OPTIONS);
  breaker.adopt({ state: "paused", reason: "elsewhere", pauses: 2, pauseMs: 50 }, 1_000);
  assert.equal(breaker.state(1_049), "paused");
  assert.equal(breaker.state(1_050), "slow");
  breaker.adopt({ state: "slow", reason: "elsewhere", pauses: 2, pauseMs: 0 }, 1_900);
  assert.equal(breaker.worked(2_050), "healthy", "the window goes on as it was");
});

Deno.test("every change is announced once", () => {
  let changes = 0;
  const breaker = new Breaker(OPTIONS, () => changes++);
  pause(breaker, 0);
  assert.equal(changes, 2);
  breaker.state(100);
  breaker.worked(5_000);
  breaker.worked(5_001);
  assert.equal(changes, 4);
  breaker.adopt({ state: "disabled", reason: "", pauses: 9, pauseMs: 0 }, 6_000);
  assert.equal(changes, 4, "what others decided is theirs to write");
});
