import assert from "node:assert/strict";
import { BreakerTable } from "../../../src/plugins/breaker/breaker_table.ts";
import { Breakers } from "../../../src/plugins/breaker/breakers.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import { createTestDatabase } from "../../services/database.ts";
import { eventually } from "../../services/eventually.ts";
import { fence, pluginEvent, specOf } from "../fence.ts";

const OPTIONS = {
  slowStrikes: 1,
  pauseStrikes: 2,
  windowMs: 60_000,
  firstPauseMs: 50_000,
  longestPauseMs: 50_000,
  maxPauses: 1,
};

Deno.test("two servers and an operator agree on a plugin's state", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const table = new BreakerTable(test.database);
  const [one, other] = [new Breakers(table, OPTIONS), new Breakers(table, OPTIONS)];
  const specs = [specOf({ source: "" }, 1), specOf({ source: "" }, 2)];
  const [first, second] = specs as [(typeof specs)[0], (typeof specs)[0]];
  await one.sync(specs);
  await other.sync(specs);
  const now = performance.now();
  one.of(first).strike(now, "a crash\0");
  one.of(first).strike(now, "a crash\0");
  await one.flush();
  await other.sync(specs);
  assert.equal(other.of(first).state(now), "paused");
  assert.equal(other.of(second).state(now), "healthy");
  const { pauseMs, reason } = other.of(first).status(performance.now());
  assert.ok(pauseMs > 40_000 && pauseMs <= 50_000, `${pauseMs}`);
  assert.equal(reason, "a crash");
  // An operator ends it for both; another version was never in it.
  assert.equal(await table.reset(1), 1);
  await one.sync(specs);
  await other.sync(specs);
  assert.equal(one.of(first).state(now), "healthy");
  assert.equal(other.of(first).state(now), "healthy");
  other.of(first).strike(now, "a crash");
  await other.flush();
  await one.sync([{ ...first, version: "2" }]);
  assert.equal(one.of({ ...first, version: "2" }).state(now), "healthy");
  assert.equal((await table.all()).length, 1);
  await one.close();
  await other.close();
});

Deno.test("a change that is not written yet is not undone by what the table says", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const breakers = new Breakers(new BreakerTable(test.database), OPTIONS);
  const spec = specOf({ source: "" }, 1);
  await test.database.query("ALTER TABLE paddock.plugin_state RENAME TO away");
  breakers.of(spec).strike(0, "a crash");
  await breakers.flush();
  await test.database.query("ALTER TABLE paddock.away RENAME TO plugin_state");
  await breakers.sync([spec]);
  assert.equal(breakers.of(spec).state(0), "slow");
  assert.equal((await new BreakerTable(test.database).all())[0]?.state, "slow");
  await breakers.close();
});

Deno.test("a plugin that always crashes ends disabled, and works again once reset", async () => {
  const options = { ...OPTIONS, slowStrikes: 1, pauseStrikes: 1, firstPauseMs: 1, maxPauses: 1 };
  const breakers = new Breakers(null, options);
  await using fenced = fence(
    [{
      source: `exports.processEvent = (event) => {
        if (event.properties.bad) for (;;);
        event.properties.seen = true;
        return event;
      }`,
    }],
    { taskTimeoutMs: 150 },
    undefined,
    breakers,
  );
  await eventually(async () => {
    await fenced.run([pluginEvent(0, { bad: true })]);
    return /Plugin disabled after 1 pauses: .*paddock plugins reset 1/s.test(fenced.logText());
  });
  const [outcome] = await fenced.run([pluginEvent(1)]);
  assert.deepEqual([outcome?.succeeded, outcome?.failed], [[], []], "as if it were not installed");
  assert.match(fenced.failures.at(-1)?.failure.message ?? "", /Plugin disabled/);
  assert.equal(fenced.hosts.hosts[0]?.pid, null);
  const spec = fenced.hosts.hosts[0]?.spec;
  assert.ok(spec);
  breakers.of(spec).adopt({ state: "healthy", reason: "", pauses: 0, pauseMs: 0 }, 0);
  assert.match((await fenced.run([pluginEvent(2)]))[0]?.json ?? "", /"seen":true/);
});

Deno.test("ordinary exceptions move no breaker", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = async (event) => { throw new TypeError("no") }`,
  }]);
  for (let batch = 0; batch < 20; batch++) {
    const [outcome] = await fenced.run([pluginEvent(batch)]);
    assert.equal(outcome?.failed.length, 1);
  }
  assert.doesNotMatch(fenced.logText(), /slow lane|paused|disabled/);
});

Deno.test("in the slow lane only so many events wait: when there are more they pass it by, and it recovers", async () => {
  const breakers = new Breakers(null, { ...OPTIONS, windowMs: 1 });
  await using fenced = fence(
    [{
      source: `exports.processEvent = async (event) => {
        const { ms } = event.properties;
        if (ms) await new Promise((resolve) => setTimeout(resolve, ms));
        event.properties.seen = true;
        return event;
      }`,
    }],
    { taskTimeoutMs: 600, slowLaneEvents: 3 },
    undefined,
    breakers,
  );
  await fenced.run([pluginEvent(0)]);
  await fenced.run([pluginEvent(0, { ms: 400 })]);
  assert.match(fenced.logText(), /slow lane: 1 events took it 0\.\d s/);
  const runs = [0, 1, 2, 3, 4].map((number) => fenced.run([pluginEvent(number, { ms: 50 })]));
  const outcomes = (await Promise.all(runs)).flat();
  assert.deepEqual(outcomes.map(({ failed }) => failed.length), [1, 1, 1, 0, 0]);
  assert.ok(outcomes.every(({ json }) => json !== null), "none is lost");
  await fenced.run([pluginEvent(9)]);
  assert.match(fenced.logText(), /healthy again/);
});
