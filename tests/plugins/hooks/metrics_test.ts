/** meta.metrics, and what is counted of exports, become an event of the team. */
import assert from "node:assert/strict";
import { shownCapabilities } from "../../../src/plugins/logs/shown_capabilities.ts";
import { createTestDatabase } from "../../services/database.ts";
import { feed, item, prepareDatabase } from "../../services/pipeline.ts";
import { eventually, installedSpecs, startPluginServer } from "../../services/plugin_server.ts";
import { fence, pluginEvent } from "../fence.ts";

/** The properties of the events that metrics were sent as. */
async function sentMetrics(
  database: { query<Row>(text: string): Promise<Row[]> },
): Promise<Record<string, unknown>[]> {
  const rows = await database.query<{ payload: string }>("SELECT payload FROM paddock.inbox");
  return rows.flatMap(({ payload }) =>
    (JSON.parse(payload) as { data: { event: string; properties: Record<string, unknown> } }[])
      .filter(({ data }) => data.event === "$$plugin_metrics").map(({ data }) => data.properties)
  );
}

Deno.test("sums, maxima and minima are counted, before setup too, and sent as one event [5.metrics]", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{
    name: "Counter",
    source: `
      exports.metrics = { total: "SUM", highest: "max", lowest: "min", odd: 5 }
      exports.setupPlugin = ({ metrics }) => metrics.total.increment(10)
      exports.onEvent = (event, { metrics }) => {
        const { number } = event.properties
        metrics.total.increment()
        metrics.highest.max(number)
        metrics.lowest.min(number)
        for (const wrong of [() => metrics.nothing, () => metrics.total.max(1), () => metrics.highest.max("9")]) {
          try { wrong(); console.log("accepted") } catch (error) { console.log(error.message) }
        }
      }`,
  }]);
  await using server = await startPluginServer(database, specs);
  await feed(
    server.pipeline,
    [-3, 7, 2].map((number) => item(teamId, { event: "a", properties: { number } })),
  );
  await eventually(() => server.printed().length === 9, () => server.logText());
  assert.deepEqual(
    new Set(server.printed()),
    new Set([
      "Invalid metric name",
      "metrics.total.max is not a function",
      "Only numbers are allowed for operations on metrics",
    ]),
  );
  await server.metrics.flush();
  await eventually(async () => {
    await server.metrics.flush();
    const sent = await sentMetrics(database);
    return sent.reduce((sum, { total }) => sum + ((total as number) ?? 0), 0) === 13;
  }, () => "not everything is counted");
  const sent = await sentMetrics(database);
  assert.equal(Math.max(...sent.map(({ highest }) => Number(highest ?? -9))), 7);
  assert.equal(Math.min(...sent.map(({ lowest }) => Number(lowest ?? 9))), -3);
  assert.equal(sent[0]?.plugin_name, "Counter");
});

Deno.test("a metric of a type that there is not fails the load with its name", async () => {
  await using fenced = fence([{
    source: `exports.metrics = { a: "sum", b: "average" }
      exports.processEvent = (event) => event`,
  }]);
  await fenced.run([pluginEvent(1)]);
  assert.match(
    fenced.logText(),
    /Only 'sum', 'max', and 'min' are supported as metric types. Invalid types received: average/,
  );
});

Deno.test("an exporter's events are counted by what became of them", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{
    config: { exportEventsBufferSeconds: "1" },
    source: `
      exports.exportEvents = (events, { metrics, global }) => {
        metrics.events_seen.increment(0)
        if (!global.tried) { global.tried = true; throw new RetryError("once") }
        console.log("exported " + events.length)
      }`,
  }]);
  await using server = await startPluginServer(database, specs, { jobs: { url: test.url } });
  await feed(
    server.pipeline,
    [1, 2, 3].map((number) => item(teamId, { event: "a", properties: { number } })),
  );
  await eventually(() => server.printed().includes("exported 3"), () => server.logText());
  await eventually(
    async () => (await server.jobs?.counts())?.waiting === 0,
    () => "the job is not finished",
  );
  await server.metrics.flush();
  const [sent] = await sentMetrics(database);
  assert.deepEqual(
    [sent?.events_seen, sent?.retry_errors, sent?.events_delivered_successfully],
    [3, 3, 3],
  );
});

Deno.test("an exporter is shown with the hooks and jobs that it has besides its own", () => {
  assert.deepEqual(
    shownCapabilities({
      methods: ["exportEvents", "getSettings"],
      scheduled_tasks: ["runEveryMinute"],
      jobs: ["own"],
    }),
    {
      methods: ["setupPlugin", "teardownPlugin", "exportEvents", "onEvent"],
      scheduled_tasks: ["runEveryMinute"],
      jobs: [
        "own",
        "exportEventsWithRetry",
        "exportEventsFromTheBeginning",
        "Export historical events",
      ],
    },
  );
  assert.deepEqual(
    shownCapabilities({ methods: ["processEventBatch"], scheduled_tasks: [], jobs: [] }).methods,
    ["processEvent"],
  );
});
