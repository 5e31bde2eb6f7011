/** Configs that share a process: a change of one touches that one alone. */
import assert from "node:assert/strict";
import type { PluginConfig, PluginSpec } from "../../../src/plugins/types.ts";
import { eventually } from "../../services/eventually.ts";
import { fence, pluginEvent, propertiesOf, specOf, type TestFence } from "../fence.ts";

const SOURCE = `
  exports.setupPlugin = async (meta) => {
    if (meta.config.fails) throw new Error("not like this")
    meta.global.seen = 0
    setInterval(() => console.log("tick of " + meta.config.name), 20)
  }
  exports.teardownPlugin = async (meta) => {
    console.log(meta.config.name + " torn down after " + meta.global.seen)
  }
  exports.processEvent = async (event, meta) => {
    const { ms = 0 } = event.properties
    if (ms > 0 && !meta.config.isFast) await new Promise((resolve) => setTimeout(resolve, ms))
    event.properties.seen = ++meta.global.seen
    event.properties.by = meta.config.name
    return event
  }`;

const OPTIONS = { logLinesPerSecond: 100_000, taskTimeoutMs: 60_000 };

/** Of team `number`, with a version. */
function config(number: number, version: number, more: Record<string, unknown> = {}): PluginConfig {
  return {
    ...specOf({ source: "" }, number).configs[0] as PluginConfig,
    pluginId: 1,
    teamId: number,
    config: { name: `${number}.${version}`, ...more },
    updatedAt: `version ${version}`,
  };
}

function shared(...configs: PluginConfig[]): PluginSpec {
  return { ...specOf({ source: SOURCE }, 1), configs };
}

/** What an event of a team met. */
async function met(fenced: TestFence, teamId: number): Promise<[unknown, unknown]> {
  const [properties] = propertiesOf(
    await fenced.run([{ ...pluginEvent(teamId), team_id: teamId }], teamId),
  );
  return [properties?.by, properties?.seen];
}

Deno.test("a config that is changed leaves those beside it their process and their global [5.meta]", async () => {
  await using fenced = fence([], OPTIONS);
  fenced.hosts.apply([shared(config(1, 1), config(2, 1), config(3, 1))]);
  for (const team of [1, 2, 3]) assert.deepEqual(await met(fenced, team), [`${team}.1`, 1]);
  const [first] = fenced.hosts.hosts;
  const pid = first?.pid;
  fenced.hosts.apply([shared(config(1, 1), config(2, 2), config(3, 1))]);
  await eventually(async () => (await met(fenced, 2))[0] === "2.2");
  assert.deepEqual(await met(fenced, 1), ["1.1", 2]);
  assert.deepEqual(await met(fenced, 3), ["3.1", 2]);
  assert.equal(first?.pid, pid);
  assert.equal(fenced.hosts.hosts.length, 2);
  // The old one is torn down by itself, once, and its timers are gone.
  await eventually(() => /^2\.1 torn down after \d+$/m.test(fenced.logText()));
  const ticks = (name: string) => fenced.log.filter(({ message }) => message === `tick of ${name}`);
  await eventually(() => fenced.log.some(({ message }) => message === "Plugin unloaded"));
  const before = { old: ticks("2.1").length, other: ticks("1.1").length };
  await eventually(() => ticks("1.1").length > before.other + 5);
  assert.equal(ticks("2.1").length, before.old);
  const unloaded = fenced.log.filter(({ message }) => message === "Plugin unloaded");
  assert.deepEqual(unloaded.map(({ pluginConfigId }) => pluginConfigId), [2]);
  // The same again keeps both.
  fenced.hosts.apply([shared(config(1, 1), config(2, 2), config(3, 1))]);
  assert.deepEqual(await met(fenced, 1), ["1.1", 3]);
  assert.equal(fenced.hosts.hosts.length, 2);
});

Deno.test("a config that comes new leaves those beside it alone as well", async () => {
  await using fenced = fence([], OPTIONS);
  fenced.hosts.apply([shared(config(1, 1))]);
  await met(fenced, 1);
  fenced.hosts.apply([shared(config(1, 1), config(2, 1))]);
  await eventually(async () => (await met(fenced, 2))[0] === "2.1");
  assert.deepEqual(await met(fenced, 1), ["1.1", 2]);
});

Deno.test("a config whose new settings fail goes on with the old ones, beside its siblings", async () => {
  await using fenced = fence([], OPTIONS);
  fenced.hosts.apply([shared(config(1, 1), config(2, 1))]);
  await met(fenced, 1);
  await met(fenced, 2);
  fenced.hosts.apply([shared(config(1, 1), config(2, 2, { fails: true }))]);
  await eventually(() => fenced.logText().includes("the version before goes on"));
  assert.deepEqual(await met(fenced, 2), ["2.1", 2]);
  assert.deepEqual(await met(fenced, 1), ["1.1", 2]);
  fenced.hosts.apply([shared(config(1, 1), config(2, 3))]);
  await eventually(async () => (await met(fenced, 2))[0] === "2.3");
  assert.deepEqual(await met(fenced, 1), ["1.1", 3]);
});

Deno.test("while a config changes, each of its events meets the old or the new one, and no other", async () => {
  await using fenced = fence([], { ...OPTIONS, tasksPerWorker: 1 });
  fenced.hosts.apply([shared(config(1, 1), config(2, 1))]);
  await met(fenced, 1);
  await met(fenced, 2);
  const batches = (team: number) =>
    Array.from({ length: 8 }, (_, batch) =>
      fenced.run(
        Array.from({ length: 100 }, (_, index) => ({
          ...pluginEvent(batch * 100 + index, { ms: 2 }),
          team_id: team,
        })),
        team,
      ));
  const running = [...batches(2), ...batches(1)];
  fenced.hosts.apply([shared(config(1, 1), config(2, 2))]);
  const seen = (await Promise.all(running)).flatMap(propertiesOf).map((each) => each?.by);
  const times = Map.groupBy(seen, (by) => by);
  assert.deepEqual([...times.keys()].toSorted(), ["1.1", "2.1", "2.2"], fenced.logText());
  assert.equal(times.get("1.1")?.length, 800);
  assert.equal((times.get("2.1")?.length ?? 0) + (times.get("2.2")?.length ?? 0), 800);
  assert.deepEqual(await met(fenced, 1), ["1.1", 802]);
});

Deno.test("a process that dies while a config leaves it goes on without that config", async () => {
  await using fenced = fence([], { ...OPTIONS, tasksPerWorker: 1 });
  fenced.hosts.apply([shared(config(1, 1), config(2, 1))]);
  await met(fenced, 1);
  await met(fenced, 2);
  const running = fenced.run(
    Array.from({ length: 10 }, (_, index) => ({
      // The old one would not come to an end with the rest before it is killed.
      ...pluginEvent(index, { ms: index === 0 ? 1 : 10_000 }),
      team_id: 2,
    })),
    2,
  );
  fenced.hosts.apply([shared(config(1, 1), config(2, 2, { isFast: true }))]);
  const [first] = fenced.hosts.hosts;
  await eventually(() => fenced.hosts.targets.get(2)?.version.includes("version 2") ?? false);
  Deno.kill(first?.pid as number, "SIGKILL");
  const seen = propertiesOf(await running).map((each) => each?.by);
  assert.deepEqual(seen.slice(1), Array(9).fill("2.2"), fenced.logText());
  await eventually(async () => (await met(fenced, 1))[0] === "1.1");
  assert.equal((await met(fenced, 2))[0], "2.2");
});

Deno.test("of one plugin so many processes are kept apart and no more", async () => {
  await using fenced = fence([], OPTIONS);
  const versions = Array.from({ length: 12 }, () => 1);
  const apply = () =>
    fenced.hosts.apply([shared(...versions.map((version, index) => config(index + 1, version)))]);
  apply();
  await met(fenced, 12);
  for (let team = 1; team <= 11; team++) {
    versions[team - 1] = 2;
    apply();
    await eventually(async () => (await met(fenced, team))[0] === `${team}.2`);
    await eventually(() => fenced.hosts.hosts.length <= 8);
  }
  const [, seen] = await met(fenced, 12);
  assert.equal(seen, 2, "the one that was never changed has its state still");
  for (let team = 1; team <= 11; team++) assert.equal((await met(fenced, team))[0], `${team}.2`);
});
