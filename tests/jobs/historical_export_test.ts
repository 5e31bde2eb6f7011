/** "Export historical events": every stored event once, in steps, however its steps fail. */
import assert from "node:assert/strict";
import type { Database } from "../../src/stores/postgres/database.ts";
import { createTestDatabase } from "../services/database.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import {
  eventually,
  installedSpecs,
  type PluginServer,
  startPluginServer,
} from "../services/plugin_server.ts";

const START = "Export historical events";

/** Fails in every way by turns, and prints what it exported. */
const EXPORTER = `
let calls = 0
exports.exportEvents = (events) => {
  calls++
  if (calls % 5 === 2) throw new RetryError("later")
  console.log("batch " + events.map((event) => event.properties.number).join())
  if (calls === 1) console.log("first " + JSON.stringify(events[0]))
}`;

async function storeEvents(
  database: Database,
  teamId: number,
  events: readonly { readonly number: number; readonly at: string }[],
): Promise<void> {
  await database.query(
    `INSERT INTO posthog_event (
       created_at, event, distinct_id, properties, team_id, "timestamp", elements, elements_hash
     ) SELECT '2021-10-30T00:00:00Z', 'old', 'visitor', json_build_object('number', number, '$ip', '1.2.3.4'),
       $1, at::timestamptz, '[{"text":"Buy"}]', '' FROM unnest($2::int[], $3::text[]) AS new (number, at)`,
    [teamId, events.map(({ number }) => number), events.map(({ at }) => at)],
  );
}

/** Numbers of the exported events, in order, with repeats. */
function exported(server: PluginServer): number[] {
  return server.printed().filter((line) => line.startsWith("batch ")).flatMap((line) =>
    line.slice(6).split(",").map(Number)
  );
}

async function storedKeys(database: Database): Promise<Record<string, unknown>> {
  const rows = await database.query<{ key: string; value: string }>(
    "SELECT key, value FROM posthog_pluginstorage",
  );
  return Object.fromEntries(rows.map(({ key, value }) => [key, JSON.parse(value)]));
}

async function start(events: readonly { readonly number: number; readonly at: string }[]) {
  const test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  await storeEvents(database, teamId, events);
  const specs = await installedSpecs(database, teamId, [{ source: EXPORTER }]);
  const configId = specs[0]?.configs[0]?.id as number;
  const server = await startPluginServer(database, specs, {
    jobs: { url: test.url },
    hosts: { logLinesPerSecond: 10_000 },
  });
  return {
    database,
    server,
    ask: (payload: unknown) =>
      server.jobs?.enqueue([
        { kind: "plugin", teamId, configId, name: START, payload: JSON.stringify(payload) },
      ]),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}

/** 350 in ten minutes, some on both edges, and one three years later. */
const HISTORY = [
  ...Array.from({ length: 350 }, (_, number) => ({
    number,
    at: new Date(Date.UTC(2018, 0, 1) + number * 1_700).toISOString(),
  })),
  { number: 350, at: "2018-01-01T00:10:00.000Z" },
  { number: 351, at: "2018-01-01T00:19:59.999Z" },
  { number: 352, at: "2021-01-01T00:00:00.000Z" },
];

Deno.test("all of a team's events are exported, over gaps and failures, and the end is said [3.14]", async () => {
  await using run = await start(HISTORY);
  const { server, database } = run;
  await run.ask({ $operation: "start" });
  await eventually(
    () => server.logText().includes("Done exporting all events"),
    () => server.logText(),
    60_000,
  );
  assert.deepEqual(exported(server), HISTORY.map(({ number }) => number));
  assert.match(server.logText(), /Export progress: ■{20} \(100 %\)/);
  const first = JSON.parse(
    (server.printed().find((line) => line.startsWith("first ")) as string).slice(6),
  );
  assert.deepEqual(first, {
    team_id: first.team_id,
    distinct_id: "visitor",
    properties: { number: 0, $ip: "1.2.3.4", $elements: [{ text: "Buy", $el_text: "Buy" }] },
    timestamp: "2018-01-01T00:00:00.000Z",
    now: "2018-01-01T00:00:00.000Z",
    event: "old",
    ip: "1.2.3.4",
    site_url: "",
    sent_at: "2021-10-30T00:00:00.000Z",
  });
  const keys = await storedKeys(database);
  assert.equal(keys.min_timestamp, Date.UTC(2018, 0, 1));
  assert.ok(!("is_export_running" in keys));
  assert.ok((keys.timestamp_cursor as number) > Date.UTC(2021, 0, 1));
  await eventually(
    async () => (await server.jobs?.counts())?.waiting === 0,
    () => "steps are left",
  );
});

Deno.test("dateFrom and dateTo bound it; a second start while it runs changes nothing", async () => {
  await using run = await start(HISTORY);
  const { server } = run;
  const span = { dateFrom: "2018-01-01T00:05:00Z", dateTo: "2018-01-01T00:10:00Z" };
  await run.ask(span);
  await run.ask(span);
  await eventually(
    () => server.logText().includes("Done exporting all events"),
    () => server.logText(),
    60_000,
  );
  const wanted = HISTORY.filter(({ at }) =>
    at >= "2018-01-01T00:05:00.000Z" && at <= "2018-01-01T00:10:00.000Z"
  ).map(({ number }) => number);
  assert.deepEqual(new Set(exported(server)), new Set(wanted));
});

Deno.test("without events or with a date that is none, the reason is given and nothing runs", async () => {
  await using run = await start([]);
  const { server, database } = run;
  await run.ask({});
  await run.ask({ dateFrom: "soon", dateTo: "2021-01-01" });
  await eventually(async () => (await server.jobs?.counts())?.dead === 2, () => server.logText());
  const dead = await server.jobs?.list({ limit: 5, onlyDead: true, teamId: null }) ?? [];
  const reasons = dead.map(({ lastError }) => lastError).sort();
  assert.deepEqual(reasons, [
    "'dateFrom' is not a date: soon",
    "Unable to determine the lower timestamp bound for the export automatically. " +
    "Please specify a 'dateFrom' value.",
  ]);
  assert.deepEqual(await storedKeys(database), {});
});
