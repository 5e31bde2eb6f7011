import assert from "node:assert/strict";
import { type EventResult, ResultStatus } from "../../../plugins_runtime/frames.ts";
import { PluginActivity } from "../../../src/plugins/activity/plugin_activity.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function frame(statuses: readonly number[], text = "{}"): [Uint8Array[], EventResult[]] {
  return [
    statuses.map((_, index) => bytes(`{"n":${index}}`)),
    statuses.map((status, index) => ({ index, status, text: bytes(text) })),
  ];
}

Deno.test("what became of events is counted; the last of each outcome in a frame is kept", () => {
  const activity = new PluginActivity();
  assert.equal(activity.get(1), null);
  const { Changed, Dropped, Failed, Unchanged, PassedBy, TimedOut, ChangedAndCorrected } =
    ResultStatus;
  activity.passed(
    1,
    ...frame([Changed, Unchanged, Changed, Dropped, Failed, PassedBy, TimedOut], '{"new":1}'),
    7,
  );
  activity.passed(1, ...frame([ChangedAndCorrected], '{"mended":1}'), 3);
  const { recent, ...counts } = activity.get(1) ?? assert.fail();
  assert.deepEqual(counts, {
    events: 8,
    changed: 2,
    dropped: 1,
    failed: 3,
    busyMs: 10,
    frames: 2,
  });
  assert.equal(activity.failed, 3);
  const seen = recent.map(({ outcome, before, after }) => [outcome, before, after])
    .toSorted((one, other) => String(one) < String(other) ? -1 : 1);
  assert.deepEqual(seen, [
    ["changed", '{"n":2}', '{"new":1}'],
    ["dropped", '{"n":3}', null],
    ["failed", '{"n":0}', '{"mended":1}'],
    ["failed", '{"n":6}', '{"n":6}'],
  ]);
});

Deno.test("little is kept, and nothing large, however much passes", () => {
  const activity = new PluginActivity();
  for (let number = 0; number < 500; number++) {
    activity.passed(1, ...frame([ResultStatus.Changed], `{"number":${number}}`), 1);
  }
  const { recent = [] } = activity.get(1) ?? {};
  assert.ok(recent.length > 0 && recent.length <= 8);
  assert.equal(recent[0]?.after, '{"number":499}', "the newest is always there");
  activity.passed(2, ...frame([ResultStatus.Changed], `"${"x".repeat(100_000)}"`), 1);
  assert.deepEqual(activity.get(2)?.recent, []);
  activity.retain(new Set([2]));
  assert.equal(activity.get(1), null);
  assert.equal(activity.get(2)?.events, 1);
});

Deno.test("what is kept does not hold the frame that it came in", () => {
  const activity = new PluginActivity();
  const whole = bytes(`{"n":0}${" ".repeat(10)}{"n":1}`);
  const result = { index: 0, status: ResultStatus.Changed, text: whole.subarray(17) };
  activity.passed(1, [whole.subarray(0, 7)], [result], 1);
  whole.fill(0);
  assert.deepEqual(
    activity.get(1)?.recent.map(({ before, after }) => [before, after]),
    [['{"n":0}', '{"n":1}']],
  );
});
