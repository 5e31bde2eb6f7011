import assert from "node:assert/strict";
import type { PreparedEvent } from "../../src/events/prepared_event.ts";
import { independentGroups, type WriteItem, WriteQueue } from "../../src/pipeline/write_queue.ts";

function item(name: string, distinctId: string, otherId?: string): WriteItem {
  const event: PreparedEvent = {
    teamId: 1,
    uuid: name,
    claim: name,
    name,
    distinctId,
    timestamp: "",
    properties: "{}",
    elements: null,
    recording: null,
    person: {
      merge: otherId === undefined ? null : { otherId, identifies: true },
      set: null,
      setOnce: null,
      createdAt: "",
    },
  };
  const deadLetter = () => assert.fail("nothing fails here");
  return { work: { kind: "event", event, deadLetter }, done: () => {} };
}

const names = (items: readonly WriteItem[]) =>
  items.map(({ work }) => work.kind === "event" ? work.event.name : "letter").join(" ");

Deno.test("work that shares no id goes to several writers at once", () => {
  const queue = new WriteQueue();
  queue.push([item("a1", "a"), item("b1", "b"), item("c1", "c")]);
  assert.equal(names(queue.take(2).items), "a1 b1");
  assert.equal(names(queue.take(2).items), "c1");
});

Deno.test("an id that is being written holds back all later work on it, and what hangs on that", () => {
  const queue = new WriteQueue();
  queue.push([item("a1", "a"), item("a2", "a", "b"), item("b1", "b"), item("c1", "c")]);
  const first = queue.take(1);
  assert.equal(names(first.items), "a1");
  // b1 must not overtake a2, which touches b as well and waits for a1.
  assert.equal(names(queue.take(10).items), "c1");
  assert.equal(names(queue.take(10).items), "");
  first.release();
  assert.equal(names(queue.take(10).items), "a2 b1");
  assert.equal(queue.size, 0);
});

Deno.test("one writer may have many events of one id, in order", () => {
  const queue = new WriteQueue();
  queue.push([item("a1", "a"), item("b1", "b"), item("a2", "a")]);
  assert.equal(names(queue.take(10).items), "a1 b1 a2");
});

Deno.test("a waiting writer is woken by a push, by a release and by a stop", async () => {
  const queue = new WriteQueue();
  const stop = new AbortController();
  const pushed = queue.changed(stop.signal);
  queue.push([item("a1", "a")]);
  await pushed;
  const { release } = queue.take(1);
  const released = queue.changed(stop.signal);
  release();
  await released;
  const stopped = queue.changed(stop.signal);
  stop.abort();
  await stopped;
});

Deno.test("items fall into groups that share no id, by way of others neither, each in order", () => {
  const groups = (items: readonly WriteItem[]) => independentGroups(items).map(names);
  assert.deepEqual(groups([]), []);
  assert.deepEqual(groups([item("1", "a"), item("2", "b"), item("3", "a")]), ["1 3", "2"]);
  assert.deepEqual(
    groups([item("1", "a"), item("2", "b"), item("3", "c"), item("4", "c", "a"), item("5", "b")]),
    ["1 3 4", "2 5"],
  );
});

Deno.test("ids of items that are kept stay held when the others are let go", () => {
  const queue = new WriteQueue();
  const [first, second] = [item("1", "a"), item("2", "b")];
  queue.push([first, second]);
  const { release } = queue.take(10);
  queue.push([item("3", "a"), item("4", "b")]);
  release([first]);
  assert.equal(names(queue.take(10).items), "4");
  release();
  assert.equal(names(queue.take(10).items), "3");
});
