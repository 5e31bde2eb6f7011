/** What a server said of itself, asked over and over. */
import { setTimeout as sleep } from "node:timers/promises";
import type { HealthReport } from "../../../src/health.ts";

export interface HealthSample {
  /** Milliseconds of `performance.now()` when it was asked, and when that was over. */
  readonly askedAt: number;
  readonly answeredAt: number;
  /** 200, 503, or null where nobody answered. */
  readonly status: number | null;
  /** Parts that are not well, with the reason. */
  readonly complaints: Readonly<Record<string, string>>;
}

export interface HealthWatch {
  readonly samples: readonly HealthSample[];
  stop(): Promise<void>;
}

const EVERY_MS = 100;
/** A machine with other work to do may be slow; one that is stopped answers nothing at all. */
const ANSWER_MS = 4_000;

/** @param address where the server listens now */
export function watchHealth(address: () => string): HealthWatch {
  const samples: HealthSample[] = [];
  let isStopped = false;
  const watch = async () => {
    while (!isStopped) {
      const askedAt = performance.now();
      try {
        const response = await fetch(`${address()}/_ready`, {
          signal: AbortSignal.timeout(ANSWER_MS),
        });
        const { parts } = await response.json() as HealthReport;
        const complaints = Object.fromEntries(
          Object.entries(parts).flatMap(([name, { isWell, reason = "" }]) =>
            isWell ? [] : [[name, reason]]
          ),
        );
        samples.push({
          askedAt,
          answeredAt: performance.now(),
          status: response.status,
          complaints,
        });
      } catch {
        samples.push({ askedAt, answeredAt: performance.now(), status: null, complaints: {} });
      }
      await sleep(EVERY_MS);
    }
  };
  const watching = watch();
  return {
    samples,
    async stop() {
      isStopped = true;
      await watching;
    },
  };
}
