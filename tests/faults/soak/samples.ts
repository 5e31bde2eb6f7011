/** What is measured of a server over a long time, and whether it stays as it was. */
import { setTimeout as sleep } from "node:timers/promises";
import { memoryMb } from "../../../bench/load/process_usage.ts";
import type { Arena } from "../matrix/arena.ts";

/** Of one kind, in the order of time: memory in MB, latency in ms. */
export interface Samples {
  readonly memoryMb: { readonly at: number; readonly value: number }[];
  readonly latencyMs: { readonly at: number; readonly value: number }[];
}

export interface Sampling {
  readonly samples: Samples;
  /** Latencies are only taken while nothing is being disturbed. */
  setQuiet(quiet: boolean): void;
  /** Rejects where it could not go on. */
  readonly broken: Promise<never>;
  stop(): Promise<void>;
}

const EVERY_MS = 1_000;
const LOOK_MS = 10;
const PATIENCE_MS = 60_000;
const PROBE = "soak probe";

/** Takes both once a second; the latency is that of one event, from its sending until it is stored. */
export function startSampling(arena: Arena): Sampling {
  const samples: Samples = { memoryMb: [], latencyMs: [] };
  const began = performance.now();
  let isStopped = false;
  /** Counts the disturbances: a probe that saw one says nothing about the server. */
  let disturbances = 0;
  let isQuiet = true;
  const measure = async () => {
    while (!isStopped) {
      const at = performance.now() - began;
      samples.memoryMb.push({ at, value: await residentMb(arena.servers[0]?.pid as number) });
      const before = disturbances;
      if (isQuiet) {
        const value = await probe(arena).catch(() => null);
        if (value !== null && isQuiet && disturbances === before) {
          samples.latencyMs.push({ at, value });
        }
      }
      await sleep(EVERY_MS);
    }
  };
  const measuring = measure();
  const broken = measuring.then(() => new Promise<never>(() => {}));
  broken.catch(() => {});
  return {
    samples,
    broken,
    setQuiet(quiet) {
      isQuiet = quiet;
      if (!quiet) disturbances++;
    },
    async stop() {
      isStopped = true;
      await measuring;
    },
  };
}

/** @throws Error where the process is gone, which a soak does not want it to be */
async function residentMb(pid: number): Promise<number> {
  const { now } = await memoryMb(pid);
  if (Number.isNaN(now)) throw new Error("the server's process is gone");
  return now;
}

/** Milliseconds from sending one event until its row is there. */
async function probe({ servers, apiKey, teamId, database }: Arena): Promise<number> {
  const timestamp = new Date().toISOString();
  const began = performance.now();
  const response = await fetch(`${servers[0]?.address}/e/`, {
    method: "POST",
    body: JSON.stringify({
      api_key: apiKey,
      distinct_id: PROBE,
      event: PROBE,
      timestamp,
      properties: {},
    }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  await response.body?.cancel();
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  while (performance.now() - began < PATIENCE_MS) {
    const { length } = await database.query(
      `SELECT id FROM posthog_event WHERE "timestamp" = $1 AND team_id = $2 AND event = $3`,
      [timestamp, teamId, PROBE],
    );
    if (length > 0) return performance.now() - began;
    await sleep(LOOK_MS);
  }
  throw new Error("the probe was not stored");
}

/** The person that probes make. */
export const PROBE_DISTINCT_ID = PROBE;
