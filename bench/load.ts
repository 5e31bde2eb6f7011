/**
 * The load bench: 100,000 events as an existing deployment queues them, through the real server, into
 * a table that is not empty. The figure that counts is the ratio to what this machine takes by bare
 * inserts, as machines differ.
 *
 *   deno task bench:load [--events=100000] [--warm=30000] [--plugins=0,1,3]
 *                        [--mixes=known,new,identify,teams] [--idle=100] [--growth=10]
 *                        [--observed=0] [--observers=all] [--chart=FILE.svg]
 *
 * The first `warm` events are stored before the measuring begins: what counts is what a server does
 * that runs for longer than a few seconds, whose code is compiled and whose caches are filled.
 *
 * Mixes: `known` visitors; `new`: three of ten events are the first of their visitor; `identify`: one
 * of ten is an `$identify` or `$create_alias`, two of ten `$set` something new; `teams`: known
 * visitors of 50 teams. `idle` is how many single events are timed with nothing else to do; `growth`
 * is over how many rounds of events the server's memory is watched; `observed` is how often known
 * visitors are sent through one plugin with what looks at a server, and as often without: `all`, or
 * groups of `statsd`, `sentry`, `internal`, `scrapes` and `traces` (`statsd+scrapes,traces` are two).
 * 0 leaves each out. `chart` is where a picture of the ratios is written.
 */
import { Redis } from "ioredis";
import { migrate } from "../src/stores/migrations/migrate.ts";
import { Database } from "../src/stores/postgres/database.ts";
import { createFirstProject, createProject } from "../src/stores/postgres/first_project.ts";
import { installServices } from "../tests/services/install.ts";
import { startPostgres } from "../tests/services/postgres.ts";
import { startRedis } from "../tests/services/redis.ts";
import { bareInsertRate } from "./load/bare_inserts.ts";
import { chart, type ChartRow } from "./load/chart.ts";
import { celeryItem, type Mix } from "./load/events.ts";
import { COUNTING_SETTINGS, createCountedRole } from "./load/statements.ts";
import { type ObserverName, OBSERVERS, startObservers } from "./load/observers.ts";
import { installBenchPlugins } from "./load/plugins.ts";
import {
  type LoadResult,
  measureGrowth,
  measureIdle,
  measureServer,
  type ServerRun,
} from "./load/server_run.ts";
import { optionsOf } from "./options.ts";

const QUEUE = "posthog-plugins";
const ROLE = "counted";
const PREFILLED_ROWS = 100_000;
const TEAMS = 50;

/** Of the bare insert rate, at least: by mix, for so many plugins. */
const GOALS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  known: { 0: 0.45, 1: 0.35, 3: 0.28 },
  new: { 0: 0.18 },
  identify: { 0: 0.12 },
};

const values = optionsOf(import.meta.url, {
  events: { type: "string", default: "100000" },
  warm: { type: "string", default: "30000" },
  plugins: { type: "string", default: "0,1,3" },
  mixes: { type: "string", default: "known,new,identify,teams" },
  idle: { type: "string", default: "100" },
  growth: { type: "string", default: "10" },
  observed: { type: "string", default: "0" },
  observers: { type: "string", default: "all" },
  chart: { type: "string" },
});
const events = Number(values.events);
const warmUp = Number(values.warm);
const directory = await Deno.makeTempDir({ prefix: "paddock-bench-" });
await Deno.chmod(directory, 0o755);
await installServices();
// Durable: fsync is on, as it is where it matters.
const postgres = await startPostgres({
  directory: `${directory}/postgres`,
  durable: true,
  settings: COUNTING_SETTINGS,
});
const redisServer = await startRedis({ directory: `${directory}/redis` });
const database = new Database({ connectionString: postgres.url, max: 5, applicationName: "bench" });
const redis = new Redis(redisServer.url);
try {
  await run();
} finally {
  redis.disconnect();
  await database.close();
  await redisServer.stop();
  await postgres.stop();
  await Deno.remove(directory, { recursive: true });
}

async function run(): Promise<void> {
  await createCountedRole(database, ROLE);
  await migrate(database);
  const project = await createFirstProject(database);
  if (project === null) throw new Error("the bench's database was not empty");
  const teams = [project.teamId];
  for (let team = 1; team < TEAMS; team++) {
    teams.push((await createProject(database, project.organizationId, `Team ${team}`)).teamId);
  }
  const visits = { teams: teams.slice(0, 1), visitors: 2_000, prefix: "known", run: 0 };
  const one: Mix = { ...visits, kind: "visits" };
  const mixes: Record<string, (run: number) => Mix> = {
    known: () => one,
    new: (run) => ({ ...visits, kind: "newcomers", run }),
    identify: (run) => ({ ...visits, kind: "changes", run }),
    teams: () => ({ ...one, teams, prefix: "teams" }),
  };
  console.log(`filling the table with ${PREFILLED_ROWS} rows`);
  await bareInsertRate(database, PREFILLED_ROWS, one);
  console.log(header());
  let serial = 0;
  const rows: ChartRow[] = [];
  for (const count of values.plugins.split(",").map(Number)) {
    await installBenchPlugins(database, project, teams, count);
    for (const name of values.mixes.split(",")) {
      const mix = mixes[name]?.(++serial);
      if (mix === undefined) throw new Error(`there is no mix '${name}'`);
      // Measured next to each, as a machine that does other things is not the same for long.
      const bare = await bareInsertRate(database, events, one);
      const result = await load(mix);
      const title = `${name}, ${count} plugins`;
      console.log(line(title, result, bare));
      const goal = GOALS[name]?.[count] ?? null;
      rows.push({ name: title, rate: result.rate, ratio: result.rate / bare, goal });
    }
    await idle(Number(values.idle), one, count);
  }
  if (values.chart !== undefined) await Deno.writeTextFile(values.chart, chart(rows));
  await growth(Number(values.growth), one);
  await installBenchPlugins(database, project, teams, 1);
  await observed(Number(values.observed), one);
}

/** With what looks at a server, and without, in turns: a machine is not the same for long. */
async function observed(rounds: number, mix: Mix): Promise<void> {
  if (rounds <= 0) return;
  const groups = ["nothing", ...values.observers.split(",")].map((name) => ({
    name,
    observers: observersOf(name),
    results: [] as LoadResult[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const { observers: names, results } of groups) {
      await using observers = await startObservers(names);
      results.push(await load(mix, observers.env));
    }
  }
  for (const { name, results } of groups) {
    const rates = results.map(({ rate }) => Math.round(rate));
    const cpu = results.map(({ cpu }) => Math.round(cpu.server / events * 1e6));
    console.log(
      `observed by ${name}: ${rates.join(" ")} events/s, the median ${median(rates)}; ` +
        `server's CPU µs/event: ${cpu.join(" ")}, the median ${median(cpu)}`,
    );
  }
}

function observersOf(group: string): readonly ObserverName[] {
  if (group === "nothing") return [];
  if (group === "all") return OBSERVERS;
  return group.split("+").map((name) => {
    const known = OBSERVERS.find((each) => each === name);
    if (known === undefined) throw new Error(`nothing that observes is called '${name}'`);
    return known;
  });
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[numbers.length >> 1] ?? NaN;
}

/** One event at a time, with nothing else to do. */
async function idle(samples: number, mix: Mix, plugins: number): Promise<void> {
  if (samples <= 0) return;
  const prefix = `idle ${plugins}`;
  const delays = await measureIdle(
    serverRun(0),
    samples,
    (serial) => redis.lpush(QUEUE, celeryItem(serial, { ...mix, prefix })),
  );
  const at = (share: number) => delays[Math.floor(delays.length * share)]?.toFixed(1);
  console.log(
    `idle, ${plugins} plugins: stored after ${at(0.5)} ms (median), ${at(0.99)} ms (p99)`,
  );
}

/** The server's memory over many rounds of events. */
async function growth(rounds: number, mix: Mix): Promise<void> {
  if (rounds <= 0) return;
  const fill = () => fillQueue(mix, events);
  const memory = await measureGrowth(serverRun(events), rounds, fill);
  console.log(
    `resident MB after each of ${rounds} × ${events} events: ${memory.map(Math.round).join(" ")}`,
  );
}

/** Fills the queue, then runs the real server until every event is a row. */
async function load(mix: Mix, env: Record<string, string> = {}): Promise<LoadResult> {
  // Known visitors are known because they came before.
  await fillQueue({ ...mix, kind: "visits" }, warmUp);
  await fillQueue(mix, events);
  return await measureServer({ ...serverRun(events), env }, warmUp);
}

async function fillQueue(mix: Mix, count: number): Promise<void> {
  for (let start = 0; start < count; start += 1_000) {
    const items = Array.from(
      { length: Math.min(1_000, count - start) },
      (_, index) => celeryItem(start + index, mix),
    );
    await redis.lpush(QUEUE, ...items);
  }
}

function serverRun(count: number): ServerRun {
  return {
    database,
    databaseUrl: postgres.url.replace("postgres@", `${ROLE}@`),
    role: ROLE,
    redisUrl: redisServer.url,
    postgresPid: postgres.pid,
    baseDir: directory,
    events: count,
  };
}

function header(): string {
  return "mix                  bare rows/s  events/s  ratio  statements  CPU µs/event: server  hosts  postgres  peak MB  start ms";
}

function line(name: string, result: LoadResult, bare: number): string {
  const micros = (seconds: number) => String(Math.round(seconds / events * 1e6));
  return [
    name.padEnd(20),
    String(Math.round(bare)).padStart(11),
    String(Math.round(result.rate)).padStart(9),
    (result.rate / bare).toFixed(3).padStart(6),
    result.statements.toFixed(3).padStart(11),
    micros(result.cpu.server).padStart(21),
    micros(result.cpu.hosts).padStart(6),
    micros(result.cpu.postgres).padStart(9),
    String(Math.round(result.peakMb)).padStart(8),
    String(Math.round(result.startMs)).padStart(9),
  ].join(" ");
}
