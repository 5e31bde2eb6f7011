/** A plugin that has much to say waits while the log is full. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../services/eventually.ts";
import { fence, pluginEvent, propertiesOf } from "../fence.ts";

Deno.test("while the log is full a plugin waits with what it says, and is not stopped for that", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = (event) => {
      console.log("line " + event.properties.number)
      event.properties.seen = true
      return event
    }`,
  }], { taskTimeoutMs: 300, logLinesPerSecond: 10_000 });
  await fenced.run([pluginEvent(0)]);
  const room = Promise.withResolvers<void>();
  fenced.logRoom = room.promise;
  const numbers = Array.from({ length: 300 }, (_, index) => index + 1);
  // Their results may be read with the lines or wait behind them.
  const held = fenced.run(numbers.slice(0, 100).map((number) => pluginEvent(number)));
  // Its lines were read: from here on nothing of this process is, until there is room.
  await eventually(() => fenced.logText().includes("line 1"));
  const pid = fenced.hosts.hosts[0]?.pid;
  const waiting = fenced.run(numbers.slice(100).map((number) => pluginEvent(number)));
  // Longer than a plugin that is silent would be waited for.
  assert.equal(await Promise.race([waiting, sleep(2_500, "still waiting")]), "still waiting");
  fenced.logRoom = null;
  room.resolve();
  const outcomes = [...await held, ...await waiting];
  assert.ok(propertiesOf(outcomes).every((properties) => properties?.seen === true));
  assert.equal(fenced.hosts.hosts[0]?.pid, pid);
  const lines = fenced.log.map(({ message }) => message).filter((line) => line.startsWith("line "));
  assert.deepEqual(lines, [0, ...numbers].map((number) => `line ${number}`));
});

Deno.test("what a plugin says of an event is heard before the event's result", async () => {
  await using fenced = fence([{
    // Long enough that results are sent while the frame is still being worked on.
    source: `exports.processEvent = (event) => {
      const until = Date.now() + 15
      while (Date.now() < until);
      console.log("line " + event.properties.number)
      return null
    }`,
  }]);
  const heard: string[] = [];
  const numbers = [0, 1, 2, 3, 4, 5, 6, 7];
  const running = numbers.map(async (number) => {
    await fenced.run([pluginEvent(number)]);
    heard.push(String(fenced.logText().includes(`line ${number}`)));
  });
  await Promise.all(running);
  await fenced.run(numbers.map((number) => pluginEvent(10 + number)));
  assert.deepEqual(heard, numbers.map(() => "true"));
  assert.ok(numbers.every((number) => fenced.logText().includes(`line ${10 + number}`)));
});
