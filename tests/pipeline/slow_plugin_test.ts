/** One team's slow plugin and the other teams' events. */
import assert from "node:assert/strict";
import { Breakers } from "../../src/plugins/breaker/breakers.ts";
import type { ReceivedItem } from "../../src/sources/source.ts";
import { createProject } from "../../src/stores/postgres/first_project.ts";
import { fence } from "../plugins/fence.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { createPipeline, item, prepareDatabase } from "../services/pipeline.ts";

const BATCH = 50;
const SLOW_BATCHES = 12;

Deno.test("a plugin in the slow lane does not keep other teams' events out of the pipeline", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const slowTeam = await prepareDatabase(database);
  const [team] = await database.query<{ organization_id: string }>(
    "SELECT organization_id FROM posthog_team WHERE id = $1",
    [slowTeam],
  );
  const other = await createProject(database, team?.organization_id as string, "Other");
  // 0.4 s an event, one at a time: all of them would take four minutes.
  await using fenced = fence(
    [{
      source: `exports.processEvent = async (event) => {
        await new Promise((resolve) => setTimeout(resolve, 400));
        event.properties.enriched = true;
        return event;
      }`,
      teamId: slowTeam,
    }],
    { tasksPerWorker: 1, taskTimeoutMs: 1_500, slowLaneEvents: BATCH * 2 },
    undefined,
    new Breakers(null),
  );
  // Room for a fraction of them.
  const pipeline = createPipeline(database, { maxEvents: BATCH * 4 }, fenced.hosts.chains);
  const stop = new AbortController();
  let unacknowledged = 0;
  /** As a source does: one batch after the other, whoever its events belong to. */
  const take = async (items: readonly ReceivedItem[]) => {
    await pipeline.hasRoom(stop.signal);
    unacknowledged++;
    await pipeline.accept("test", {
      items,
      ack: () => Promise.resolve(void unacknowledged--),
      release: () => Promise.resolve(),
    });
  };
  const eventsOf = (teamId: number, batch: number) =>
    Array.from({ length: BATCH }, (_, index) =>
      item(teamId, {
        event: "seen",
        distinct_id: `visitor ${index}`,
        properties: { number: batch * BATCH + index },
      }));
  const stored = async (teamId: number) => {
    const rows = await database.query<{ number: number; failed: boolean; enriched: boolean }>(
      `SELECT (properties->>'number')::int AS number, properties ? 'enriched' AS enriched,
         jsonb_array_length(coalesce(properties->'$plugins_failed', '[]')) > 0 AS failed
       FROM posthog_event WHERE team_id = $1 ORDER BY id`,
      [teamId],
    );
    return rows;
  };
  for (let batch = 0; batch < SLOW_BATCHES; batch++) await take(eventsOf(slowTeam, batch));
  await take(eventsOf(other.teamId, 0));
  await eventually(async () => (await stored(other.teamId)).length === BATCH);
  await take(eventsOf(other.teamId, 1));
  await eventually(async () => (await stored(other.teamId)).length === BATCH * 2);
  assert.match(fenced.logText(), /slow lane: 50 events have taken it/);
  // What still waits is the plugin's to finish; nothing of it is lost, and each keeps its place.
  await take(eventsOf(slowTeam, SLOW_BATCHES));
  await take(eventsOf(slowTeam, SLOW_BATCHES + 1));
  await take(eventsOf(slowTeam, SLOW_BATCHES + 2));
  const some = (await stored(slowTeam)).length;
  assert.ok(some >= BATCH * (SLOW_BATCHES - 4), `${some} of the slow team's are stored`);
  await fenced.hosts.stop(100);
  await eventually(() => unacknowledged === 0);
  const all = await stored(slowTeam);
  assert.deepEqual(
    all.map(({ number }) => number),
    Array.from({ length: BATCH * (SLOW_BATCHES + 3) }, (_, number) => number),
  );
  assert.ok(all.some(({ enriched }) => enriched));
  assert.ok(all.some(({ failed }) => failed));
  assert.ok(all.every(({ enriched, failed }) => !(enriched && failed)));
  stop.abort();
  await pipeline.drain(5_000, stop.signal);
});
