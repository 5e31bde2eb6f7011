import assert from "node:assert/strict";
import { EVENT_TASK, JOB_TASK, parseMessage } from "../../../src/sources/celery/message.ts";

const base64 = (value: unknown) => btoa(typeof value === "string" ? value : JSON.stringify(value));

function message(body: unknown, over: Record<string, unknown> = {}): string {
  return JSON.stringify({
    body: base64(body),
    "content-type": "application/json",
    "content-encoding": "utf-8",
    headers: {},
    properties: { body_encoding: "base64" },
    ...over,
  });
}

const ARGS = ["d", "1.1.1.1", null, { event: "e" }, 2, "2021-10-28T12:00:00Z", null];
const header = (task: string) => ({ headers: { task, id: "task-1" } });

Deno.test("both protocols, by position and by name, are the same event", () => {
  const texts = [
    message([ARGS, {}, {}], header(EVENT_TASK)),
    message({ task: EVENT_TASK, id: "task-1", args: ARGS, kwargs: {} }),
    message([[], {
      distinct_id: "d",
      ip: "1.1.1.1",
      data: { event: "e" },
      team_id: 2,
      now: "2021-10-28T12:00:00Z",
    }, {}], header(EVENT_TASK)),
    // The sent_at that was left out is where a caller's empty kwargs may stand.
    message([[...ARGS.slice(0, 6), {}], {}, {}], header(EVENT_TASK)),
  ];
  const events = texts.map((text) => {
    const item = parseMessage(text);
    assert.ok(item.kind === "event", JSON.stringify(item));
    return item.event;
  });
  for (const event of events) {
    assert.deepEqual(event, events[0]);
    // Read once more it is parsed once more.
    assert.deepEqual(event.data, { event: "e" });
    assert.deepEqual({ ...event }.data, { event: "e" });
  }
  assert.equal(events[0]?.teamId, 2);
  assert.equal(events[0]?.sentAt, null);
});

Deno.test("a message without a task id is recognised by its text", () => {
  const text = message([ARGS, {}, {}], { headers: { task: EVENT_TASK } });
  const uuid = (item: ReturnType<typeof parseMessage>) => item.kind === "event" && item.event.uuid;
  assert.equal(uuid(parseMessage(text)), uuid(parseMessage(text)));
  const other = message([["d2", ...ARGS.slice(1)], {}, {}], { headers: { task: EVENT_TASK } });
  assert.notEqual(uuid(parseMessage(text)), uuid(parseMessage(other)));
});

Deno.test("a plugin job is a job", () => {
  const item = parseMessage(
    message([[2, 39, "export", "start", { a: 1 }], {}, {}], header(JOB_TASK)),
  );
  assert.deepEqual(item.kind === "job" && item.job, {
    teamId: 2,
    pluginConfigId: 39,
    type: "export",
    operation: "start",
    payload: { a: 1 },
  });
});

Deno.test("what is not a task of ours is bad, with the reason and the text", () => {
  const good = [ARGS, {}, {}];
  const cases: [string, string, RegExp][] = [
    ["not JSON", "{", /message is not JSON/],
    ["a list", "[]", /not an object/],
    ["other content", message(good, { "content-type": "application/x-python" }), /content-type/],
    ["other encoding", message(good, { "content-encoding": "binary" }), /content-encoding/],
    ["no body encoding", message(good, { properties: {} }), /body_encoding/],
    ["body is no JSON", message("nope", header(EVENT_TASK)), /body is not JSON/],
    ["protocol 2 with an object", message({}, header(EVENT_TASK)), /not a list/],
    ["unknown task", message(good, header("posthog.tasks.other")), /posthog.tasks.other/],
    ["no task at all", message({ args: [] }), /missing/],
    ["no data", message([["d", null, null, null, 2, "now"], {}], header(EVENT_TASK)), /'data'/],
    ["no team", message([["d", null, null, {}, "2", "now"], {}], header(EVENT_TASK)), /team_id/],
  ];
  for (const [name, text, reason] of cases) {
    const item = parseMessage(text);
    assert.ok(item.kind === "bad", name);
    assert.match(item.reason, reason, name);
    assert.equal(item.payload, text);
  }
});
