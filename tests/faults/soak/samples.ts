/** What is measured of a server over a long time: its memory, and how long one event takes. */
import { setTimeout as sleep } from "node:timers/promises";
import { memoryMb } from "../../../bench/load/process_usage.ts";
import type { Arena } from "../matrix/arena.ts";
import type { Sample } from "./flatness.ts";
import { probe } from "./probe.ts";

export interface Sampling {
  /** In MB, once a second. */
  readonly memoryMb: readonly Sample[];
  /** In ms; those of failed probes are what they waited, as the true one is not known. */
  readonly latencyMs: readonly Sample[];
  /** When and why probes failed. */
  readonly failures: readonly string[];
  /**
   * Waits until no probe is under way and one was made since `resume`: so none is thrown away for
   * having been slow, and a machine with other work to do gets its samples too. Bounded, as every
   * probe is.
   */
  pause(): Promise<void>;
  resume(): void;
  /** Rejects where it could not go on. */
  readonly broken: Promise<never>;
  stop(): Promise<void>;
}

const EVERY_MS = 1_000;

/** Begins at once. */
export function startSampling(arena: Arena): Sampling {
  const memory: Sample[] = [];
  const latency: Sample[] = [];
  const failures: string[] = [];
  const began = performance.now();
  let isStopped = false;
  let isPaused = false;
  /** Since the last disturbance. */
  let isProbed = false;
  let underWay: Promise<void> | null = null;

  const probeOnce = async () => {
    const at = performance.now() - began;
    const { waitedMs, failure } = await probe(arena);
    latency.push({ at, value: waitedMs });
    if (failure !== null) failures.push(`${(at / 60_000).toFixed(1)} min: ${failure}`);
    isProbed = true;
  };
  const measureLatency = async () => {
    while (!isStopped) {
      if (!isPaused) await (underWay = probeOnce());
      await sleep(EVERY_MS);
    }
  };
  const measureMemory = async () => {
    while (!isStopped) {
      const at = performance.now() - began;
      memory.push({ at, value: await residentMb(arena.servers[0]?.pid as number) });
      await sleep(EVERY_MS);
    }
  };
  const measuring = Promise.all([measureLatency(), measureMemory()]);
  const broken = measuring.then(() => new Promise<never>(() => {}));
  broken.catch(() => {});
  return {
    memoryMb: memory,
    latencyMs: latency,
    failures,
    broken,
    async pause() {
      isPaused = true;
      await underWay;
      if (!isProbed) await probeOnce();
    },
    resume() {
      isProbed = false;
      isPaused = false;
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
