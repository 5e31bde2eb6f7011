import { fileURLToPath } from "node:url";
import type { Database } from "../../src/stores/postgres/database.ts";
import { cpuSeconds, memoryMb } from "./process_usage.ts";

export interface ServerRun {
  readonly database: Database;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly postgresPid: number;
  readonly baseDir: string;
  /** How many lie in the queue. */
  readonly events: number;
}

export interface LoadResult {
  /** Events a second from the first stored row to the last. */
  readonly rate: number;
  /** CPU seconds of the whole run. */
  readonly cpu: { readonly server: number; readonly hosts: number; readonly postgres: number };
  readonly peakMb: number;
  /** From the process's start until it takes events. */
  readonly startMs: number;
}

const MAIN = fileURLToPath(import.meta.resolve("../../main.ts"));

/** Starts the server, waits until every event is stored, and stops it. */
export async function measureServer(run: ServerRun): Promise<LoadResult> {
  const before = await storedRows(run.database);
  const postgresBefore = await cpuSeconds(run.postgresPid);
  const started = performance.now();
  const server = new Deno.Command(Deno.execPath(), {
    // As the task `start` has it.
    args: ["run", "--quiet", "-P=server", "--v8-flags=--max-semi-space-size=8", MAIN],
    env: {
      DATABASE_URL: run.databaseUrl,
      REDIS_URL: run.redisUrl,
      BASE_DIR: run.baseDir,
      HTTP_PORT: "0",
      LOG_LEVEL: "info",
      LOG_FORMAT: "json",
    },
    stdin: "null",
    stderr: "piped",
  }).spawn();
  const ready = Promise.withResolvers<number>();
  const log = readLog(server.stderr, () => ready.resolve(performance.now() - started));
  const startMs = await ready.promise;

  const first = await waitForRows(run.database, before + 1);
  const last = await waitForRows(run.database, before + run.events);
  // Rows are counted, not the sequence: a rolled back transaction leaves a gap in that.
  while (await storedRows(run.database) < before + run.events) await pause(5);
  const end = performance.now();
  const usage = await cpuSeconds(server.pid);
  const { peak: peakMb } = await memoryMb(server.pid);
  const postgresAfter = await cpuSeconds(run.postgresPid);
  server.kill("SIGTERM");
  const { code } = await server.status;
  const text = await log;
  if (code !== 0) throw new Error(`the server ended with code ${code}:\n${text}`);
  return {
    rate: run.events / (Math.max(last, end) - first) * 1000,
    cpu: {
      server: usage.self,
      hosts: usage.below,
      postgres: total(postgresAfter) - total(postgresBefore),
    },
    peakMb,
    startMs,
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
  while (true) {
    const rows = await database.query<{ last_value: string }>(
      "SELECT last_value FROM posthog_event_id_seq",
    );
    if (Number(rows[0]?.last_value) >= wanted) return performance.now();
    await pause(2);
  }
}

async function readLog(stream: ReadableStream<Uint8Array>, onReady: () => void): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    if (text.length < 1_000_000) text += chunk;
    if (text.includes("ready after")) onReady();
  }
  return text;
}
