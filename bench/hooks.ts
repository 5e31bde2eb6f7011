/**
 * The bench of what plugins are told of after events were stored, and of their jobs: real Postgres, real
 * fence. Events have about 1.7 KB.
 *
 *   deno task bench:hooks [--events=20000] [--jobs=20000]
 */
import { PostgresOutbox } from "../src/stores/postgres/outbox/outbox.ts";
import { Database } from "../src/stores/postgres/database.ts";
import { installServices } from "../tests/services/install.ts";
import { prepareDatabase } from "../tests/services/pipeline.ts";
import {
  eventually,
  installedSpecs,
  type PluginServer,
  startPluginServer,
} from "../tests/services/plugin_server.ts";
import { startPostgres } from "../tests/services/postgres.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, {
  events: { type: "string", default: "20000" },
  jobs: { type: "string", default: "20000" },
});
const eventCount = Number(values.events);
const jobCount = Number(values.jobs);

const FILLER = "x".repeat(140);

/** Reports how much it has seen, so that the bench can wait for it. */
const PLUGIN = `
let told = 0, exported = 0, ran = 0
exports.onEvent = () => { if (++told % 1000 === 0) console.log("told " + told) }
exports.exportEvents = async (events) => { exported += events.length; console.log("exported " + exported) }
exports.jobs = {
  count: () => { if (++ran % 1000 === 0) console.log("ran " + ran) },
  late: ({ at }) => console.log("late " + (Date.now() - at)),
}`;

function eventText(number: number, teamId: number): Uint8Array {
  const properties: Record<string, unknown> = { number };
  for (let index = 0; index < 10; index++) properties["property_" + index] = FILLER + number;
  return new TextEncoder().encode(JSON.stringify({
    uuid: crypto.randomUUID(),
    event: "$pageview",
    distinct_id: "visitor " + number,
    team_id: teamId,
    properties,
  }));
}

/** The highest number that the plugin reported behind a word. */
function reported(server: PluginServer, word: string): number {
  const lines = server.printed().filter((line) => line.startsWith(word + " "));
  return Math.max(0, ...lines.map((line) => Number(line.slice(word.length + 1))));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

const perSecond = (count: number, seconds: number) => `${Math.round(count / seconds)}/s`;

async function run(database: Database, url: string): Promise<void> {
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{
    source: PLUGIN,
    config: { exportEventsBufferSeconds: "1" },
  }]);
  const configId = specs[0]?.configs[0]?.id as number;
  await using server = await startPluginServer(database, specs, {
    jobs: { url },
    hosts: { logLinesPerSecond: 100_000, limits: { heapMb: 256, dataMb: 0, nice: 0 } },
    deliverer: { pollMs: 100 },
  });
  const outbox = new PostgresOutbox(database);
  const append = (count: number) =>
    database.transaction((tx) =>
      outbox.append(
        tx,
        Array.from({ length: count }, (_, number) => ({
          teamId,
          name: "$pageview",
          text: eventText(number, teamId),
        })),
      )
    );
  await append(1_000);
  await eventually(() => reported(server, "exported") === 1_000, () => server.logText());
  const appending = await timed(async () => {
    for (let done = 0; done < eventCount; done += 500) await append(500);
  });
  console.log(`outbox, rows of 500 events: ${perSecond(eventCount, appending)}`);
  const wanted = 1_000 + eventCount;
  const telling = timed(() =>
    eventually(() => reported(server, "told") >= wanted, () => server.logText(), 120_000)
  );
  const exporting = timed(() =>
    eventually(() => reported(server, "exported") >= wanted, () => server.logText(), 120_000)
  );
  console.log(`onEvent, from the outbox: ${perSecond(eventCount, appending + await telling)}`);
  console.log(
    `exportEvents, from the outbox: ${perSecond(eventCount, appending + await exporting)}`,
  );

  const job = (name: string, payload: unknown) => ({
    kind: "plugin" as const,
    teamId,
    configId,
    name,
    payload: JSON.stringify(payload),
  });
  const latencies: number[] = [];
  for (let index = 0; index < 200; index++) {
    await server.jobs?.enqueue([job("late", { at: Date.now() })]);
    await eventually(
      () => server.printed().filter((line) => line.startsWith("late ")).length > index,
      () => server.logText(),
    );
  }
  for (const line of server.printed()) {
    if (line.startsWith("late ")) latencies.push(Number(line.slice(5)));
  }
  latencies.sort((one, other) => one - other);
  console.log(`job, enqueue to run: p50 ${latencies[100]} ms, p95 ${latencies[190]} ms`);

  await Promise.all(server.runners.map((runner) => runner.stop(1_000)));
  const enqueueing = await timed(async () => {
    for (let done = 0; done < jobCount; done += 500) {
      await server.jobs?.enqueue(
        Array.from({ length: 500 }, (_, number) => job("count", { number })),
      );
    }
  });
  console.log(`jobs, enqueued 500 at a time: ${perSecond(jobCount, enqueueing)}`);
  await using second = await startPluginServer(database, specs, {
    jobs: { url },
    hosts: { logLinesPerSecond: 100_000, limits: { heapMb: 256, dataMb: 0, nice: 0 } },
  });
  await eventually(() => reported(second, "ran") >= 1_000, () => second.logText());
  const already = reported(second, "ran");
  const running = await timed(() =>
    eventually(() => reported(second, "ran") >= jobCount, () => second.logText(), 120_000)
  );
  console.log(`jobs, run by the plugin: ${perSecond(jobCount - already, running)}`);
}

const directory = await Deno.makeTempDir({ prefix: "paddock-bench-" });
await Deno.chmod(directory, 0o755);
await installServices();
const postgres = await startPostgres({ directory: `${directory}/postgres`, durable: true });
const database = new Database({ connectionString: postgres.url, max: 8, applicationName: "bench" });
try {
  await run(database, postgres.url);
} finally {
  await database.close();
  await postgres.stop();
  await Deno.remove(directory, { recursive: true });
}
