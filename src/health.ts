import type { HealthReport } from "./http/server.ts";
import type { Consumer } from "./pipeline/consumer.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";

/** A take waits five seconds at most, so a source that is silent for longer than this hangs. */
const SILENT_MS = 30_000;

/** How the server is now, from what its parts say of themselves; asks no store. */
export function healthReport(
  pipeline: Pipeline,
  consumers: readonly Consumer[],
  others: Readonly<Record<string, string | null>>,
): HealthReport {
  const parts: Record<string, string | null> = {
    store: pipeline.counters.storeUnavailable,
    ...others,
  };
  for (const consumer of consumers) {
    // A full pipeline makes a source wait, which is not its fault; the store's line says why.
    const silent = consumer.silentForMs > SILENT_MS && pipeline.room.items > 0;
    parts[consumer.source.name] = consumer.unavailable ??
      (silent ? `has not answered for ${Math.round(consumer.silentForMs / 1000)} s` : null);
  }
  return { ready: Object.values(parts).every((reason) => reason === null), parts };
}
