import assert from "node:assert/strict";
import { eventually } from "../../services/eventually.ts";
import { fence, pluginEvent, propertiesOf, specOf } from "../fence.ts";

const events = (count: number) => Array.from({ length: count }, (_, index) => pluginEvent(index));

Deno.test("a plugin changes, keeps and drops events, in order", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = (event) => {
      const { number } = event.properties;
      if (number % 3 === 0) return null;
      if (number % 3 === 1) event.properties.seen = true;
      return event;
    }`,
  }]);
  const outcomes = await fenced.run(events(7));
  assert.deepEqual(propertiesOf(outcomes), [
    null,
    { number: 1, seen: true },
    { number: 2 },
    null,
    { number: 4, seen: true },
    { number: 5 },
    null,
  ]);
  assert.deepEqual(outcomes[2]?.succeeded, ["Plugin 1 (1)"]);
  // What a plugin leaves alone keeps its very text.
  assert.equal(outcomes[2]?.json, JSON.stringify(pluginEvent(2)));
});

Deno.test("several plugins see what those before them made, each in its own process", async () => {
  await using fenced = fence([
    {
      source: `
        let calls = 0;
        exports.processEvent = async (event) => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          return { ...event, properties: { ...event.properties, first: ++calls } };
        }`,
    },
    {
      source: `
        module.exports = {
          setupPlugin: ({ global }) => { global.count = 100; },
          processEvent: (event, { global }) => {
            event.properties.second = event.properties.first + global.count++;
            return event;
          },
        }`,
    },
    { source: `function processEvent(event) { event.properties.third = true; return event }` },
  ]);
  const properties = propertiesOf(await fenced.run(events(3)));
  assert.deepEqual(properties.map((each) => each?.third), [true, true, true]);
  assert.deepEqual(properties.map((each) => each?.first), [1, 2, 3]);
  assert.deepEqual(properties.map((each) => each?.second), [101, 103, 105]);
  const pids = fenced.hosts.hosts.map((host) => host.pid);
  assert.equal(new Set(pids).size, 3);
});

Deno.test("batches that overlap stay in order for every plugin", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = async (event, { global }) => {
      await new Promise((resolve) => setTimeout(resolve, 5 - event.properties.number % 5));
      event.properties.call = global.calls = (global.calls ?? 0) + 1;
      return event;
    }`,
  }], { tasksPerWorker: 1 });
  const all = await Promise.all(
    Array.from(
      { length: 10 },
      (_, batch) => fenced.run([batch * 2, batch * 2 + 1].map((n) => pluginEvent(n))),
    ),
  );
  const calls = all.flatMap(propertiesOf).map((each) => each?.call);
  assert.deepEqual(calls, Array.from({ length: 20 }, (_, index) => index + 1));
});

Deno.test("a plugin that has only processEventBatch gets batches", async () => {
  await using fenced = fence([{
    source: `exports.processEventBatch = (events) => events
      .filter((event) => event.properties.number !== 1)
      .map((event) => ({ ...event, properties: { size: events.length } }))
      .reverse()`,
  }]);
  assert.deepEqual(propertiesOf(await fenced.run(events(3))), [{ size: 3 }, null, { size: 3 }]);
});

Deno.test("an event that makes a plugin throw goes on as it was, marked", async () => {
  await using fenced = fence([
    {
      source: `exports.processEvent = (event) => {
        event.properties.half = true;
        if (event.properties.number === 1) throw new TypeError("not that one");
        if (event.properties.number === 2) throw "a text";
        return event;
      }`,
    },
    { source: `exports.processEvent = (event) => { event.properties.after = 1; return event }` },
  ]);
  const outcomes = await fenced.run(events(3));
  assert.deepEqual(propertiesOf(outcomes), [
    { number: 0, half: true, after: 1 },
    { number: 1, after: 1 },
    { number: 2, after: 1 },
  ]);
  assert.deepEqual(outcomes[1]?.failed, ["Plugin 1 (1)"]);
  assert.deepEqual(outcomes[1]?.succeeded, ["Plugin 2 (2)"]);
  const messages = fenced.failures.map(({ failure }) => failure.message);
  assert.deepEqual(messages, ["not that one", "a text"]);
  // The trace names the plugin's own file and line.
  assert.match(fenced.failures[0]?.failure.stack ?? "", /index\.js:3:/);
});

Deno.test("team and uuid cannot be changed, dates become text, odd returns are failures [5.errors]", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = (event) => {
      switch (event.properties.number) {
        case 0: return { ...event, team_id: 99, properties: { changed: true } };
        case 1: return { ...event, uuid: "other", properties: { at: new Date(0) } };
        case 2: return 5;
        case 3: event.properties.self = event; return event;
        case 4: event.properties.big = 1n; return event;
        case 5: return { ...event, toJSON() { throw new Error("no") } };
        case 6: return { toJSON() { return undefined } };
        case 7: return Promise.resolve(undefined);
      }
    }`,
  }]);
  const outcomes = await fenced.run(events(8));
  const first = JSON.parse(outcomes[0]?.json ?? "");
  assert.deepEqual([first.team_id, first.properties], [2, { changed: true }]);
  assert.deepEqual(outcomes[0]?.failed, ["Plugin 1 (1)"]);
  const second = JSON.parse(outcomes[1]?.json ?? "");
  assert.deepEqual([second.uuid, second.properties], [pluginEvent(1).uuid, {
    at: "1970-01-01T00:00:00.000Z",
  }]);
  for (const index of [2, 3, 4, 5, 6]) {
    assert.deepEqual(outcomes[index]?.failed, ["Plugin 1 (1)"], String(index));
    assert.equal(outcomes[index]?.json, JSON.stringify(pluginEvent(index)));
  }
  assert.equal(outcomes[7]?.json, null);
});

Deno.test("the console reaches the log, bounded", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = (event) => {
      console.log("x".repeat(1000));
      console.log("text", { a: 1 }, [2], new Error("x"), null);
      for (let i = 0; i < 10000; i++) console.warn("flood " + i);
      return event;
    }`,
  }], { logLinesPerSecond: 50, logLineLength: 300 });
  const began = performance.now();
  await fenced.run([pluginEvent(0)]);
  await fenced.run([pluginEvent(0)]);
  // It says nothing more, and how much was too much is said all the same.
  const dropped = /\d+ log lines were dropped: over 50 a second/;
  await eventually(() => dropped.test(fenced.logText()));
  const seconds = Math.ceil((performance.now() - began) / 1_000) + 1;
  const lines = fenced.log.filter(({ source }) => source === "CONSOLE");
  assert.equal(lines[0]?.message, "x".repeat(300));
  assert.equal(lines[1]?.message, 'text {"a":1} [2] Error: x null');
  assert.ok(lines.length <= 51 * seconds, `${lines.length} lines`);
  assert.match(fenced.logText(), /Plugin loaded \(instance ID test\)/);
});

Deno.test("setup that fails is said, its events pass by; the code that does not parse likewise", async () => {
  await using fenced = fence([
    {
      source:
        `exports.setupPlugin = () => { throw new Error("no key") }; exports.processEvent = () => null`,
    },
    { source: `exports.processEvent = (` },
    { source: `const lodash = require("lodash")` },
  ]);
  const [outcome] = await fenced.run([pluginEvent(0)]);
  assert.equal(outcome?.json, JSON.stringify(pluginEvent(0)));
  assert.deepEqual([outcome?.succeeded, outcome?.failed], [[], []]);
  assert.match(fenced.logText(), /no key/);
  assert.match(fenced.logText(), /Retrying in 3 s/);
  assert.match(fenced.logText(), /SyntaxError/);
  assert.match(
    fenced.logText(),
    /Cannot import 'lodash'! This package is not provided by PostHog in plugins\./,
  );
});

Deno.test("files require each other, and cannot be reached beyond the plugin", async () => {
  await using fenced = fence([{
    source: `
      const { double } = require("./lib/math");
      const data = require("./data.json");
      exports.processEvent = (event) => {
        event.properties.result = double(data.value);
        try { require("../../etc/passwd") } catch (error) { event.properties.error = error.message }
        return event;
      }`,
    files: {
      "lib/math.js": `exports.double = (n) => n * require("../data").value`,
      "data.json": `{"value": 7}`,
    },
  }]);
  const [properties] = propertiesOf(await fenced.run([pluginEvent(0)]));
  assert.equal(properties?.result, 49);
  assert.match(String(properties?.error), /Cannot import '\.\.\/\.\.\/etc\/passwd'/);
});

Deno.test("what did not change keeps its process, what is gone is torn down", async () => {
  const counting = `
    exports.teardownPlugin = () => { console.log("torn down") };
    exports.processEvent = (event, { global }) => {
      event.properties.calls = global.calls = (global.calls ?? 0) + 1;
      return event;
    }`;
  await using fenced = fence([{ source: counting }, { source: counting }]);
  await fenced.run([pluginEvent(0)]);
  fenced.hosts.apply([specOf({ source: counting }, 1)]);
  const [properties] = propertiesOf(await fenced.run([pluginEvent(0)]));
  assert.equal(properties?.calls, 2);
  await fenced.hosts.stop(2_000);
  assert.equal(fenced.log.filter(({ message }) => message === "torn down").length, 2);
});

Deno.test("a host that gets no processor is not guilty, but is not waited for without end", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = (event) => { event.properties.seen = true; return event }`,
  }], { taskTimeoutMs: 1_200 });
  await fenced.run(events(1));
  const [host] = fenced.hosts.hosts;
  const pid = host?.pid as number;
  Deno.kill(pid, "SIGSTOP");
  const starved = fenced.run(events(2));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal(host?.pid, pid, "over its deadline and still there");
  Deno.kill(pid, "SIGCONT");
  assert.deepEqual(propertiesOf(await starved).map((each) => each?.seen), [true, true]);
  assert.doesNotMatch(fenced.logText(), /stopped/);
  Deno.kill(pid, "SIGSTOP");
  const outcomes = await fenced.run(events(2));
  assert.deepEqual(propertiesOf(outcomes).map((each) => each?.seen), [true, true]);
  assert.notEqual(host?.pid, pid);
  assert.match(fenced.logText(), /did not come to an end within 1\.2 s/);
});

Deno.test("plugins without events have no process; many start a few at a time", async () => {
  const source = `exports.processEvent = (event) => event`;
  const plugins = Array.from({ length: 200 }, (_, index) => ({ source, teamId: index }));
  await using fenced = fence(plugins, { startsAtOnce: 2 });
  assert.equal(fenced.hosts.hosts.filter(({ pid }) => pid !== null).length, 0);
  let most = 0;
  const runs = Array.from({ length: 12 }, (_, team) => fenced.run(events(1), team));
  const watch = setInterval(() => {
    const alive = fenced.hosts.hosts.filter(({ pid }) => pid !== null).length;
    most = Math.max(most, alive - fenced.loaded.size);
  }, 1);
  const outcomes = await Promise.all(runs);
  clearInterval(watch);
  assert.ok(outcomes.every(([outcome]) => outcome?.succeeded.length === 1));
  assert.equal(fenced.hosts.hosts.filter(({ pid }) => pid !== null).length, 12);
  assert.equal(most, 2);
});

Deno.test("a process without work is ended and starts again with the next event", async () => {
  await using fenced = fence([{
    source: `let calls = 0;
      exports.processEvent = (event) => { event.properties.calls = ++calls; return event }`,
  }], { idleMs: 1 });
  const [host] = fenced.hosts.hosts;
  assert.deepEqual(propertiesOf(await fenced.run(events(2))).map((each) => each?.calls), [1, 2]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  host?.check(performance.now());
  await eventually(() => host?.pid === null);
  assert.match(fenced.logText(), /Plugin unloaded/);
  assert.deepEqual(propertiesOf(await fenced.run(events(1))).map((each) => each?.calls), [1]);
});
