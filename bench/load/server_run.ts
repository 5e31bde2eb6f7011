import { fileURLToPath } from "node:url";
import type { Database } from "../../src/stores/postgres/database.ts";
import { statementsOf } from "./statements.ts";
import { cpuSeconds, memoryMb } from "./process_usage.ts";

export interface ServerRun {
  readonly database: Database;
  /** With the role of the server's own, by which its statements are told from the bench's. */
  readonly databaseUrl: string;
  readonly role: string;
  readonly redisUrl: string;
  readonly postgresPid: number;
  readonly baseDir: string;
  /** How many lie in the queue. */
  readonly events: number;
  /** Settings besides. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface LoadResult {
  /** Events a second from the first stored row to the last. */
  readonly rate: number;
  /** CPU seconds of what was measured. */
  readonly cpu: { readonly server: number; readonly hosts: number; readonly postgres: number };
  /** Statements that the server sent for each event, those of its start and of its polling too. */
  readonly statements: number;
  readonly peakMb: number;
  /** From the process's start until it takes events. */
  readonly startMs: number;
}

const MAIN = fileURLToPath(import.meta.resolve("../../main.ts"));

/**
 * Starts the server, waits until every event is stored, and stops it.
 * @param warmUp how many of those in the queue come before the first that is measured
 */
export async function measureServer(run: ServerRun, warmUp: number): Promise<LoadResult> {
  const before = await storedRows(run.database) + warmUp;
  const server = await startServer(run);
  const first = await waitForRows(run.database, before + 1);
  const usageBefore = await cpuSeconds(server.pid);
  const statementsBefore = await statementsOf(run.database, run.role);
  const postgresBefore = await cpuSeconds(run.postgresPid);
  const last = await waitForRows(run.database, before + run.events);
  // Rows are counted, not the sequence: a rolled back transaction leaves a gap in that.
  while (await storedRows(run.database) < before + run.events) await pause(5);
  const end = performance.now();
  const usage = await cpuSeconds(server.pid);
  const { peak: peakMb } = await memoryMb(server.pid);
  const postgresAfter = await cpuSeconds(run.postgresPid);
  const statements = await statementsOf(run.database, run.role) - statementsBefore;
  await server.stop();
  return {
    statements: statements / run.events,
    rate: run.events / (Math.max(last, end) - first) * 1000,
    cpu: {
      server: usage.self - usageBefore.self,
      hosts: usage.below - usageBefore.below,
      postgres: total(postgresAfter) - total(postgresBefore),
    },
    peakMb,
    startMs: server.startMs,
  };
}

/**
 * How long single events take from the queue to their row while nothing else is to do, in ms and in
 * order of length. `push` puts one into the queue.
 */
export async function measureIdle(
  run: ServerRun,
  samples: number,
  push: (serial: number) => Promise<unknown>,
): Promise<number[]> {
  const server = await startServer(run);
  const delays: number[] = [];
  // The first few start the plugins and fill the caches.
  const warmUp = 10;
  for (let serial = 0; serial < samples + warmUp; serial++) {
    await pause(50);
    const before = await lastId(run.database);
    const pushed = performance.now();
    await push(serial);
    while (await lastId(run.database) === before) await pause(0);
    if (serial >= warmUp) delays.push(performance.now() - pushed);
  }
  await server.stop();
  return delays.toSorted((a, b) => a - b);
}

/** Resident memory in MB after each of several rounds of events, which `fill` puts into the queue. */
export async function measureGrowth(
  run: ServerRun,
  rounds: number,
  fill: () => Promise<unknown>,
): Promise<number[]> {
  const server = await startServer(run);
  const memory: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = await storedRows(run.database);
    await fill();
    while (await storedRows(run.database) < before + run.events) await pause(100);
    memory.push((await memoryMb(server.pid)).now);
  }
  await server.stop();
  return memory;
}

interface RunningServer {
  readonly pid: number;
  readonly startMs: number;
  stop(): Promise<void>;
}

async function startServer(run: ServerRun): Promise<RunningServer> {
  const started = performance.now();
  const server = new Deno.Command(Deno.execPath(), {
    // As the task `start` has it.
    args: ["run", "--quiet", "-P=server", "--v8-flags=--max-semi-space-size=32", MAIN],
    env: {
      DATABASE_URL: run.databaseUrl,
      REDIS_URL: run.redisUrl,
      BASE_DIR: run.baseDir,
      HTTP_PORT: "0",
      LOG_LEVEL: "info",
      LOG_FORMAT: "json",
      ...run.env,
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const ready = Promise.withResolvers<number>();
  const log = readLog(server.stderr, () => ready.resolve(performance.now() - started));
  return {
    pid: server.pid,
    startMs: await ready.promise,
    stop: async () => {
      server.kill("SIGTERM");
      const { code } = await server.status;
      const text = await log;
      if (code !== 0) throw new Error(`the server ended with code ${code}:\n${text}`);
    },
  };
}

const total = (usage: { self: number; below: number }) => usage.self + usage.below;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function storedRows(database: Database): Promise<number> {
  const rows = await database.query<{ count: number }>("SELECT count(*)::int FROM posthog_event");
  return rows[0]?.count ?? 0;
}

/** When the sequence of ids was seen so far; asking it is no load, as counting rows would be. */
async function waitForRows(database: Database, wanted: number): Promise<number> {
  while (await lastId(database) < wanted) await pause(20);
  return performance.now();
}

async function lastId(database: Database): Promise<number> {
  const rows = await database.query<{ last_value: string }>(
    "SELECT last_value FROM posthog_event_id_seq",
  );
  return Number(rows[0]?.last_value);
}

async function readLog(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onReady: () => void,
): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    if (text.length < 1_000_000) text += chunk;
    if (text.includes("ready after")) onReady();
  }
  return text;
}
