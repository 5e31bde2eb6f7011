import { setTimeout as sleep } from "node:timers/promises";

/** What it resolves with, or null where that takes longer. */
export async function within<Value>(ms: number, promise: Promise<Value>): Promise<Value | null> {
  const stop = new AbortController();
  const late = sleep(ms, null, { signal: stop.signal }).catch(() => null);
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
  }
}
