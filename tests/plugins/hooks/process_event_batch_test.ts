/** processEventBatch gets real batches; what it returns is matched to what it was given. */
import assert from "node:assert/strict";
import { fence, pluginEvent, propertiesOf } from "../fence.ts";

const EVENTS = [1, 2, 3, 4].map((number) => pluginEvent(number));

async function run(source: string) {
  await using fenced = fence([{ source }]);
  const outcomes = await fenced.run(EVENTS);
  return {
    numbers: propertiesOf(outcomes).map((properties) => properties?.number ?? null),
    failed: outcomes.flatMap(({ failed }) => failed).length,
    succeeded: outcomes.flatMap(({ succeeded }) => succeeded).length,
    log: fenced.logText(),
  };
}

Deno.test("a batch is one call, with the events of the team in order", async () => {
  const { numbers, log } = await run(`exports.processEventBatch = (events, meta) => {
    console.log(events.map((event) => event.properties.number).join(), typeof meta.config)
    for (const event of events) event.properties.number *= 10
    return events
  }`);
  assert.deepEqual(numbers, [10, 20, 30, 40]);
  assert.match(log, /1,2,3,4 object/);
});

Deno.test("results are matched by uuid, in whatever order they come", async () => {
  const { numbers } = await run(`exports.processEventBatch = async (events) =>
    events.reverse().map((event) => ({ ...event, properties: { number: event.uuid.slice(-1) } }))`);
  assert.deepEqual(numbers, ["1", "2", "3", "4"]);
});

Deno.test("without uuids they are matched by position, if there are as many", async () => {
  const { numbers } = await run(`exports.processEventBatch = (events) =>
    events.map(({ uuid, ...event }, index) => ({ ...event, properties: { number: index } }))`);
  assert.deepEqual(numbers, [0, 1, 2, 3]);
});

Deno.test("what is missing is dropped", async () => {
  const { numbers, failed } = await run(`exports.processEventBatch = (events) =>
    events.filter((event) => event.properties.number % 2 === 0)`);
  assert.deepEqual(numbers, [null, 2, null, 4]);
  assert.equal(failed, 0);
  const none = await run("exports.processEventBatch = () => []");
  assert.deepEqual(none.numbers, [null, null, null, null]);
});

Deno.test("what it was not given fails the batch for this plugin, and every event stays as it was", async () => {
  const cases: [string, RegExp][] = [
    ["(events) => [...events, { ...events[0], uuid: 'another' }]", /that it was not given/],
    ["(events) => events.map(({ uuid, ...rest }) => rest).slice(1)", /that it was not given/],
    ["(events) => [...events, events[0]]", /returned an event twice/],
    ["() => undefined", /did not return a list/],
    ["() => { throw new Error('in the batch') }", /in the batch/],
  ];
  for (const [source, reason] of cases) {
    const { numbers, failed, succeeded, log } = await run(
      `exports.processEventBatch = (events) => {
        for (const event of events) event.properties.number = -1
        return (${source})(events)
      }`,
    );
    assert.deepEqual(numbers, [1, 2, 3, 4], source);
    assert.deepEqual([failed, succeeded], [4, 0], source);
    assert.match(log, reason);
  }
});

Deno.test("where there is a processEvent as well, it is the one that runs", async () => {
  const { numbers } = await run(`
    exports.processEvent = (event) => { event.properties.number = "one"; return event }
    exports.processEventBatch = () => []`);
  assert.deepEqual(numbers, ["one", "one", "one", "one"]);
});
