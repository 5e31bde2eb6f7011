/** A plugin's versions follow each other without an event that meets neither of them, or both. */
import assert from "node:assert/strict";
import type { PluginSpec } from "../../../src/plugins/types.ts";
import { eventually } from "../../services/eventually.ts";
import {
  fence,
  pluginEvent,
  propertiesOf,
  specOf,
  type TestFence,
  type TestPlugin,
} from "../fence.ts";

const QUIET = { logLinesPerSecond: 100_000, taskTimeoutMs: 20_000 };

function version(number: number, plugin: TestPlugin): PluginSpec {
  return { ...specOf(plugin, 1), version: String(number) };
}

/** Marks every event with the version, and says so for each. */
const marking = (number: number, more = "") => `
  exports.processEvent = async (event) => {
    console.log("v${number} " + event.properties.number)
    await new Promise((resolve) => setTimeout(resolve, 2))
    event.properties.seen = [...event.properties.seen ?? [], ${number}]
    return event
  }
  exports.teardownPlugin = () => console.log("v${number} torn down")
  ${more}`;

/** Sends batches until `enough`, and returns what version each event met. */
async function stream(fenced: TestFence, enough: () => boolean): Promise<unknown[]> {
  const batches: Promise<(Record<string, unknown> | null)[]>[] = [];
  for (let number = 0; !enough(); number += 20) {
    const events = Array.from({ length: 20 }, (_, index) => pluginEvent(number + index));
    batches.push(fenced.run(events).then(propertiesOf));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return (await Promise.all(batches)).flat().map((properties) => properties?.seen);
}

const times = <T>(values: readonly T[]) =>
  new Map([...Map.groupBy(values, (value) => value)].map(([value, all]) => [value, all.length]));

Deno.test("a new version is ready before the old one is torn down; each event meets one of them [5.setup]", async () => {
  await using fenced = fence([{ source: marking(1) }], QUIET);
  await fenced.run([pluginEvent(0)]);
  const [old] = fenced.hosts.hosts;
  const slowSetup = `exports.setupPlugin = async () => {
    await new Promise((resolve) => setTimeout(resolve, 200))
    console.log("v2 set up")
  }`;
  fenced.hosts.apply([version(2, { source: marking(2, slowSetup) })]);
  assert.equal(fenced.hosts.hosts.length, 2);
  const seen = await stream(fenced, () => /^v2 \d/m.test(fenced.logText()));
  await eventually(() => fenced.hosts.hosts.length === 1 && old?.pid === null);
  const met = times(seen.map((each) => JSON.stringify(each)));
  assert.deepEqual([...met.keys()].toSorted(), ["[1]", "[2]"], `${[...met]}`);
  const printed = fenced.log.filter(({ source }) => source === "CONSOLE").map(({ message }) =>
    message
  );
  const lines = printed.filter((line) => /^v[12] \d+$/.test(line)).map((line) => line.slice(3));
  const more = [...times(lines)].filter(([number, count]) => count !== (number === "0" ? 2 : 1));
  assert.deepEqual(more, [], "an event was begun by both");
  assert.ok(printed.indexOf("v2 set up") < printed.indexOf("v1 torn down"), printed.join("\n"));
});

Deno.test("what the old version has not begun goes to the new one", async () => {
  const options = { ...QUIET, tasksPerWorker: 1 };
  await using fenced = fence([{ source: marking(1) }], options);
  await fenced.run([pluginEvent(0)]);
  const batches = Array.from(
    { length: 10 },
    (_, batch) =>
      fenced.run(Array.from({ length: 100 }, (_, index) => pluginEvent(batch * 100 + index))),
  );
  fenced.hosts.apply([version(2, { source: marking(2) })]);
  const seen = (await Promise.all(batches)).flatMap(propertiesOf).map((each) => each?.seen);
  const met = times(seen.map((each) => JSON.stringify(each)));
  assert.deepEqual([...met.keys()].toSorted(), ["[1]", "[2]"], `${[...met]}`);
  assert.equal(seen.length, 1_000);
});

Deno.test("a version whose setup fails waits behind the one before, and takes over when it works", async () => {
  await using fenced = fence([{ source: marking(1) }], QUIET);
  await fenced.run([pluginEvent(0)]);
  const failing = `let tries = 0
    exports.setupPlugin = () => { if (++tries < 2) throw new Error("not yet") }`;
  fenced.hosts.apply([version(2, { source: marking(2, failing) })]);
  await eventually(() => fenced.logText().includes("the version before goes on"));
  assert.match(fenced.logText(), /Plugin failed to load \(instance ID test\)\. Retrying in 3 s\./);
  assert.equal(fenced.failures.at(-1)?.failure.message, "not yet");
  assert.deepEqual(propertiesOf(await fenced.run([pluginEvent(1)]))[0]?.seen, [1]);
  await eventually(async () => {
    const [properties] = propertiesOf(await fenced.run([pluginEvent(2)]));
    return JSON.stringify(properties?.seen) === "[2]";
  });
});

for (
  const [what, source] of [
    ["cannot be evaluated", "throw new Error('broken at once')"],
    ["dies in its setup", "exports.setupPlugin = () => { for (;;); }"],
  ] as const
) {
  Deno.test(`a version that ${what} leaves the one before in force`, async () => {
    await using fenced = fence([{ source: marking(1) }]);
    await fenced.run([pluginEvent(0)]);
    fenced.hosts.apply([version(2, { source })]);
    await eventually(() => /broken at once|Plugin stopped/.test(fenced.logText()));
    for (let number = 1; number < 4; number++) {
      assert.deepEqual(propertiesOf(await fenced.run([pluginEvent(number)]))[0]?.seen, [1]);
    }
    // Until one comes that works.
    fenced.hosts.apply([version(3, { source: marking(3) })]);
    await eventually(async () => {
      const [properties] = propertiesOf(await fenced.run([pluginEvent(9)]));
      return JSON.stringify(properties?.seen) === "[3]";
    });
    await eventually(() => fenced.hosts.hosts.length === 1);
  });
}

Deno.test("a config that is wanted no more acts no more, while those beside it go on", async () => {
  const calls: [number, boolean][] = [];
  const source = `
    exports.processEvent = (event) => { event.properties.seen = true; return event }
    exports.setupPlugin = (meta) => {
      setInterval(() => meta.storage.get("k").catch((error) => console.log(error.message)), 5)
    }`;
  const both = specOf({ source }, 1);
  const [first] = both.configs;
  assert.ok(first !== undefined);
  const spec = { ...both, configs: [first, { ...first, id: 2, teamId: 3 }] };
  await using fenced = fence([], QUIET, {
    call: (configs, given) => {
      for (const { pluginConfigId } of given) {
        calls.push([pluginConfigId, configs.has(pluginConfigId)]);
      }
      return Promise.resolve(given.map(() => ({ ok: false, error: "no" })));
    },
  });
  fenced.hosts.apply([spec]);
  await fenced.run([pluginEvent(1)], 2);
  await fenced.run([pluginEvent(1)], 3);
  await eventually(() => calls.some(([id]) => id === 2));
  fenced.hosts.apply([{ ...spec, configs: [first] }]);
  calls.length = 0;
  assert.equal(propertiesOf(await fenced.run([pluginEvent(2)], 3))[0]?.seen, undefined);
  assert.equal(propertiesOf(await fenced.run([pluginEvent(2)], 2))[0]?.seen, true);
  await eventually(() => fenced.hosts.hosts.length === 1);
  assert.deepEqual(calls.filter(([id, isKnown]) => id === 2 && isKnown), []);
});

Deno.test("a grant that was taken back is closed at once, whatever the next version does", async () => {
  let requests = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    requests++;
    return new Response("ok");
  });
  const host = `127.0.0.1:${server.addr.port}`;
  const source = `
    exports.setupPlugin = (meta) => {
      setInterval(() => fetch("http://${host}/").then((a) => a.text()).catch(() => {}), 10)
    }
    exports.processEvent = (event) => event`;
  {
    await using fenced = fence([{ source, grants: [host] }], QUIET);
    await fenced.run([pluginEvent(1)]);
    await eventually(() => requests > 3);
    // Its setup does not come to an end, so that a version that might stay would.
    const hanging = "exports.setupPlugin = () => new Promise(() => {})";
    fenced.hosts.apply([version(2, { source: hanging })]);
    assert.equal(fenced.hosts.hosts.length, 1);
    // What was on its way may still arrive.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = requests;
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(requests, before);
  }
  await server.shutdown();
});

Deno.test("what is taken away is taken at once, and given back to a new process", async () => {
  const calls: boolean[] = [];
  const source = `
    exports.processEvent = async (event, { storage }) => {
      event.properties.seen = true
      await storage.get("k").catch(() => {})
      return event
    }`;
  await using fenced = fence([], QUIET, {
    call: (configs, given) => {
      for (const { pluginConfigId } of given) calls.push(configs.has(pluginConfigId));
      return Promise.resolve(given.map(() => ({ ok: true, value: null })));
    },
  });
  const spec = specOf({ source, grants: ["127.0.0.1:1"] }, 1);
  const seen = async () => propertiesOf(await fenced.run([pluginEvent(1)]))[0]?.seen;
  fenced.hosts.apply([spec]);
  assert.equal(await seen(), true);
  const [first] = fenced.hosts.hosts;
  // Its grant is gone, then the config itself; nothing was built or applied in between.
  fenced.hosts.restrict(new Map([[1, []]]));
  assert.equal(await seen(), true);
  fenced.hosts.restrict(new Map());
  assert.equal(await seen(), undefined);
  fenced.hosts.apply([spec]);
  assert.equal(await seen(), true);
  assert.notEqual(fenced.hosts.hosts.at(-1), first);
  assert.deepEqual(calls, [true, true, true]);
  // What may stay as it is keeps its process.
  const pids = fenced.hosts.hosts.map(({ pid }) => pid);
  fenced.hosts.restrict(new Map([[1, ["127.0.0.1:1", "more.example"]]]));
  assert.deepEqual(fenced.hosts.hosts.map(({ pid }) => pid), pids);
});
