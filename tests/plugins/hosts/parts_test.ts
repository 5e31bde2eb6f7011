/** Batches that go through the fence in parts, as they are larger than a pipe. */
import assert from "node:assert/strict";
import type { PluginApi } from "../../../src/plugins/types.ts";
import { fence, pluginEvent, propertiesOf } from "../fence.ts";

const TEXT = "ä".repeat(400);
const EVENTS = 300;
const events = () =>
  Array.from({ length: EVENTS }, (_, number) => pluginEvent(number, { text: TEXT }));

Deno.test("each event of a batch in parts meets every plugin once, in order", async () => {
  await using fenced = fence([
    { source: `exports.processEvent = (event) => { event.properties.plain = true; return event }` },
    {
      source: `let seen = 0;
        exports.processEvent = async (event) => {
          event.properties.seen = seen++;
          await new Promise((resolve) => setTimeout(resolve, event.properties.number % 3));
          return event;
        }`,
    },
    {
      source: `exports.processEventBatch = (events) => {
        for (const event of events) event.properties.together = events.length;
        return events;
      }`,
    },
    // Leaves most alone, drops some, fails for some.
    {
      source: `exports.processEvent = (event) => {
        if (event.properties.number % 100 === 7) return null;
        if (event.properties.number % 100 === 8) throw new Error("no");
        return event;
      }`,
    },
  ]);
  const outcomes = await fenced.run(events());
  assert.equal(outcomes.length, EVENTS);
  for (const [number, properties] of propertiesOf(outcomes).entries()) {
    if (number % 100 === 7) assert.equal(properties, null);
    else {
      assert.deepEqual(properties, {
        number,
        text: TEXT,
        plain: true,
        seen: number,
        together: EVENTS,
      });
    }
    assert.equal(outcomes[number]?.failed.length, number % 100 === 8 ? 1 : 0);
  }
});

Deno.test("what a plugin asked for on its way arrives before the results that follow it", async () => {
  const arrived: string[] = [];
  const api: PluginApi = {
    call: (_configs, calls) => {
      for (const { args } of calls) arrived.push(String(args[0]));
      return Promise.resolve(calls.map(() => ({ ok: true, value: null })));
    },
  };
  await using fenced = fence(
    [{
      source: `exports.processEvent = (event, { storage }) => {
        storage.set("event " + event.properties.number, 1);
        return event;
      }`,
    }],
    {},
    api,
  );
  await fenced.run(events());
  assert.deepEqual(arrived, Array.from({ length: EVENTS }, (_, number) => `event ${number}`));
});
