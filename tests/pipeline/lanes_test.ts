/** Slow teams are parked: others go on, memory stays bounded, order and every event are kept. */
import assert from "node:assert/strict";
import { Consumer } from "../../src/pipeline/consumer.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import { ParkedSource } from "../../src/sources/parked/parked_source.ts";
import type { ReceivedItem } from "../../src/sources/source.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { createProject } from "../../src/stores/postgres/first_project.ts";
import {
  EVENTS_PER_PARKED_ROW,
  PostgresParking,
} from "../../src/stores/postgres/parking/parking.ts";
import { fence } from "../plugins/fence.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { createPipeline, item, prepareDatabase } from "../services/pipeline.ts";

const MAX_EVENTS = 400;
const BATCH = 100;
const FLOOD = 1_200;
/** On a machine that has much else to do. */
const PATIENCE_MS = 90_000;
/** About a thousand events a second and no more. */
const SLOW_PLUGIN = `exports.processEvent = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  event.properties.plugged = true;
  return event;
}`;

interface LaneServer {
  readonly pipeline: Pipeline;
  /** Batches whose ack has not come. */
  readonly open: { count: number };
  take(items: readonly ReceivedItem[]): Promise<void>;
  /** Ends as a server does: what is in flight is given back; resolves with what. */
  stop(patienceMs: number): Promise<ReceivedItem[]>;
}

async function laneServer(
  database: Database,
  chains: Parameters<typeof createPipeline>[2],
): Promise<LaneServer> {
  const parking = new PostgresParking(database);
  const pipeline = createPipeline(
    database,
    { maxEvents: MAX_EVENTS },
    chains,
    undefined,
    null,
    undefined,
    parking,
  );
  const source = new ParkedSource(parking, pipeline.lanes, {
    leaseTtlMs: 60_000,
    eventsPerRow: EVENTS_PER_PARKED_ROW,
  });
  await source.open();
  const consumer = new Consumer(source, pipeline, { takeItems: 500, takeBytes: 1e7 });
  consumer.start();
  const never = new AbortController().signal;
  const open = { count: 0 };
  const returned: ReceivedItem[] = [];
  return {
    pipeline,
    open,
    async take(items) {
      await pipeline.hasRoom(never);
      open.count++;
      await pipeline.accept("test", {
        items,
        ack: () => Promise.resolve(void open.count--),
        release: (unfinished) =>
          Promise.resolve(void returned.push(...unfinished.map((at) => items[at] as ReceivedItem))),
      });
      const { events } = pipeline.inFlight;
      assert.ok(events <= MAX_EVENTS + 500 + BATCH, `${events} events in flight`);
    },
    async stop(patienceMs) {
      await consumer.stop();
      await pipeline.drain(patienceMs, new AbortController().signal);
      await source.close();
      return returned;
    },
  };
}

const eventsOf = (teamId: number, first: number) =>
  Array.from({ length: BATCH }, (_, index) =>
    item(teamId, {
      event: "seen",
      distinct_id: `visitor ${(first + index) % 7}`,
      properties: { number: first + index },
    }));

async function numbersOf(database: Database, teamId: number): Promise<number[]> {
  const rows = await database.query<{ number: number }>(
    `SELECT (properties->>'number')::int AS number FROM posthog_event WHERE team_id = $1
     ORDER BY id`,
    [teamId],
  );
  return rows.map(({ number }) => number);
}

async function twoTeams(database: Database): Promise<{ slow: number; other: number }> {
  const slow = await prepareDatabase(database);
  const [team] = await database.query<{ id: string }>(
    "SELECT organization_id AS id FROM posthog_team",
  );
  const { teamId: other } = await createProject(database, team?.id as string, "Other");
  return { slow, other };
}

const parkedCount = async (database: Database) => await new PostgresParking(database).depth();

/** Each once, and each visitor's in the order in which they came. */
function assertInOrder(numbers: readonly number[], count: number): void {
  assert.deepEqual(numbers.toSorted((one, other) => one - other), [...Array(count).keys()]);
  for (let visitor = 0; visitor < 7; visitor++) {
    const own = numbers.filter((number) => number % 7 === visitor);
    assert.deepEqual(own, own.toSorted((one, other) => one - other), `visitor ${visitor}`);
  }
}

Deno.test("a flood for a slow plugin is parked: others are stored meanwhile, order and all are kept", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const { slow, other } = await twoTeams(database);
  await using fenced = fence([{ source: SLOW_PLUGIN, teamId: slow }], { tasksPerWorker: 1 });
  const server = await laneServer(database, fenced.hosts.chains);
  for (let first = 0; first < FLOOD; first += BATCH) {
    await server.take(eventsOf(slow, first));
    if (first % 400 === 0) await server.take(eventsOf(other, first / 4));
  }
  // The whole flood was taken, and the others' events are stored, with most of it still to come.
  await eventually(async () => (await numbersOf(database, other)).length === FLOOD / 4);
  const left = FLOOD - (await numbersOf(database, slow)).length;
  assert.ok(left > FLOOD / 4, `${left} of the flood are left`);
  assert.ok(await parkedCount(database) > 0);
  assert.ok(server.pipeline.counters.parked > 0);
  await eventually(
    async () => (await numbersOf(database, slow)).length === FLOOD,
    PATIENCE_MS,
  );
  await eventually(() => server.open.count === 0);
  assertInOrder(await numbersOf(database, slow), FLOOD);
  assertInOrder(await numbersOf(database, other), FLOOD / 4);
  const [plain] = await database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM posthog_event
     WHERE team_id = $1 AND NOT properties ? 'plugged'`,
    [slow],
  );
  assert.equal(plain?.count, 0, "every event of the flood went through the plugin");
  // It keeps up again, so nothing is parked any more.
  await eventually(() => server.pipeline.lanes.room().size === 0);
  const { parked } = server.pipeline.counters;
  await server.take(eventsOf(slow, FLOOD));
  await eventually(
    async () => (await numbersOf(database, slow)).length === FLOOD + BATCH,
    PATIENCE_MS,
  );
  assert.equal(server.pipeline.counters.parked, parked);
  assert.deepEqual(await server.stop(5_000), []);
});

Deno.test("what is parked when a server stops is stored by the next one, before what comes then", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const { slow, other } = await twoTeams(database);
  await using fenced = fence([{ source: SLOW_PLUGIN, teamId: slow }], { tasksPerWorker: 1 });
  const first = await laneServer(database, fenced.hosts.chains);
  for (let number = 0; number < FLOOD; number += BATCH) {
    await first.take(eventsOf(slow, number));
    if (number === BATCH) await first.take(eventsOf(other, 0));
  }
  await eventually(async () => await parkedCount(database) > FLOOD / 4);
  const returned = await first.stop(0);
  const second = await laneServer(database, fenced.hosts.chains);
  for (let number = FLOOD; number < FLOOD + 5 * BATCH; number += BATCH) {
    await second.take(eventsOf(slow, number));
  }
  if (returned.length > 0) await second.take(returned);
  const count = FLOOD + 5 * BATCH;
  await eventually(
    async () => (await numbersOf(database, slow)).length === count,
    PATIENCE_MS,
  );
  await eventually(async () => (await numbersOf(database, other)).length === BATCH);
  const numbers = await numbersOf(database, slow);
  assert.deepEqual(numbers.toSorted((one, other) => one - other), [...Array(count).keys()]);
  // None of the new ones was stored before the last of the parked ones of the same visitor.
  const back = new Set(
    returned.map((each) =>
      each.kind === "event" ? (each.event.data.properties as { number: number }).number : -1
    ),
  );
  const kept = numbers.filter((number) => !back.has(number));
  for (let visitor = 0; visitor < 7; visitor++) {
    const own = kept.filter((number) => number % 7 === visitor);
    assert.deepEqual(own, own.toSorted((one, other) => one - other), `visitor ${visitor}`);
  }
  assert.equal((await database.query("SELECT FROM paddock.parked")).length, 0);
  await second.stop(5_000);
});
