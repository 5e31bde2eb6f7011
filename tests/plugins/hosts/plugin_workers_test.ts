/** A plugin with more than one process. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../services/eventually.ts";
import { fence, pluginEvent, propertiesOf, type TestFence } from "../fence.ts";

/** Says in every event which process saw it, and as the how-many'th of its person. */
const COUNTING = `
  const seen = new Map();
  const me = Math.random();
  exports.processEvent = async (event) => {
    const count = (seen.get(event.distinct_id) ?? 0) + 1;
    seen.set(event.distinct_id, count);
    await new Promise((resolve) => setTimeout(resolve, event.properties.ms ?? 0));
    Object.assign(event.properties, { me, count });
    return event;
  }`;

const PEOPLE = 20;

/** Batches of events about a few people, handed in without waiting for one another. */
function load(fenced: TestFence, batches: number, ms: number) {
  return Array.from(
    { length: batches },
    (_, batch) =>
      fenced.run(Array.from({ length: PEOPLE }, (_, person) => ({
        ...pluginEvent(batch * PEOPLE + person, { ms, batch, person }),
        distinct_id: `person ${person}`,
      }))),
  );
}

/**
 * Looks at the plugin, as the server does every second, until it has so many processes, and hands in
 * more meanwhile. Resolves with the outcomes once they are all there.
 */
async function runUntil(fenced: TestFence, count: number, ms: number) {
  const [plugin] = fenced.hosts.hosts;
  const runs = ms > 0 ? load(fenced, 30, ms) : [];
  await eventually(async () => {
    plugin?.check(performance.now());
    await sleep(20);
    if (ms > 0) runs.push(...load(fenced, 1, ms));
    return plugin?.pids.length === count;
  });
  return runs;
}

Deno.test("events that wait bring more processes; each person keeps to one, in order", async () => {
  await using fenced = fence([{ source: COUNTING }], { workers: 3, tasksPerWorker: 1 });
  await fenced.run([pluginEvent(0)]);
  assert.equal(fenced.hosts.hosts[0]?.pids.length, 1);
  const runs = await runUntil(fenced, 3, 3);
  const before = runs.length;
  runs.push(...load(fenced, 10, 1));
  const outcomes = await Promise.all(runs);
  const properties = outcomes.map(propertiesOf);
  properties.forEach((batch, index) => {
    // Results are in the order of the events, whichever process they come from.
    assert.deepEqual(batch.map((each) => each?.person), [...Array(PEOPLE).keys()], `${index}`);
  });
  assert.ok(outcomes.flat().every(({ succeeded }) => succeeded.length === 1));
  const last = properties.slice(before).flat();
  assert.equal(new Set(last.map((each) => each?.me)).size, 3);
  for (let person = 0; person < PEOPLE; person++) {
    const mine = properties.map((batch) => batch[person]);
    // Every process counts a person's events without a gap: none was seen twice or out of order.
    for (const me of new Set(mine.map((each) => each?.me))) {
      const counts = mine.filter((each) => each?.me === me).map((each) => each?.count);
      assert.deepEqual(counts, counts.map((_, index) => index + 1));
    }
    assert.equal(new Set(last.filter((each) => each?.person === person).map((e) => e?.me)).size, 1);
  }
});

Deno.test("processes that are not needed any more are ended, one by one", async () => {
  await using fenced = fence([{ source: COUNTING }], { workers: 2, tasksPerWorker: 1 });
  await Promise.all(await runUntil(fenced, 2, 3));
  await runUntil(fenced, 1, 0);
  const outcomes = (await Promise.all(load(fenced, 2, 0))).flat();
  assert.equal(new Set(propertiesOf(outcomes).map((each) => each?.me)).size, 1);
});

Deno.test("a plugin that declares one process has one, however much waits", async () => {
  await using fenced = fence([{ source: COUNTING, maxWorkers: 1 }], {
    workers: 4,
    tasksPerWorker: 1,
  });
  const runs = load(fenced, 40, 2);
  const [plugin] = fenced.hosts.hosts;
  let most = 0;
  const timer = setInterval(() => {
    plugin?.check(performance.now());
    most = Math.max(most, plugin?.pids.length ?? 0);
  }, 20);
  const outcomes = (await Promise.all(runs)).flat();
  clearInterval(timer);
  assert.equal(most, 1);
  assert.equal(new Set(propertiesOf(outcomes).map((each) => each?.me)).size, 1);
});

Deno.test("a crash in one of several processes costs its own event only", async () => {
  await using fenced = fence([{
    source: `
      const me = Math.random();
      exports.processEvent = async (event) => {
        if (event.properties.bad) for (;;);
        await new Promise((resolve) => setTimeout(resolve, event.properties.ms ?? 0));
        event.properties.me = me;
        return event;
      }`,
  }], { workers: 2, tasksPerWorker: 1, taskTimeoutMs: 700 });
  await Promise.all(await runUntil(fenced, 2, 3));
  const batch = Array.from({ length: 20 }, (_, number) => ({
    ...pluginEvent(number, number === 7 ? { bad: true } : {}),
    distinct_id: `person ${number}`,
  }));
  const outcomes = await fenced.run(batch);
  assert.deepEqual(outcomes.flatMap(({ failed }, index) => failed.length > 0 ? [index] : []), [7]);
  // Both, and the one that took the place of the one that was stopped.
  const seen = propertiesOf(outcomes).flatMap((each) => each?.me === undefined ? [] : [each.me]);
  assert.equal(seen.length, 19);
  assert.ok(new Set(seen).size >= 2 && new Set(seen).size <= 3);
});

Deno.test("in the slow lane there is one process", async () => {
  await using fenced = fence([{ source: COUNTING }], {
    workers: 2,
    tasksPerWorker: 1,
    taskTimeoutMs: 600,
  });
  await Promise.all(await runUntil(fenced, 2, 3));
  await fenced.run([pluginEvent(0, { ms: 400 })]);
  assert.match(fenced.logText(), /slow lane/);
  await runUntil(fenced, 1, 0);
});

Deno.test("a stop while the number of processes changes leaves none behind, and loses nothing", async () => {
  const fenced = fence([{ source: COUNTING }], { workers: 3, tasksPerWorker: 1 });
  const runs = await runUntil(fenced, 2, 3);
  const [plugin] = fenced.hosts.hosts;
  // A third is on its way, or about to be dealt to.
  for (let look = 0; look < 30; look++) {
    runs.push(...load(fenced, 1, 3));
    plugin?.check(performance.now());
    await sleep(10);
  }
  // The test's own check of what is left open would find a process.
  await fenced[Symbol.asyncDispose]();
  const outcomes = (await Promise.all(runs)).flat();
  assert.equal(outcomes.length, runs.length * PEOPLE);
  assert.ok(outcomes.every(({ json }) => json !== null));
  assert.deepEqual(plugin?.pids, []);
});
