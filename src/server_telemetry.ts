/** The part of the composition root that lets others see what the server does. */
import type { Config } from "./config/config.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Database } from "./stores/postgres/database.ts";
import type { Teams } from "./stores/postgres/teams.ts";
import type { PubSub } from "./stores/pubsub.ts";
import { EventTap, TAP_CHANNEL } from "./telemetry/event_tap.ts";
import { watchEventLoop } from "./telemetry/event_loop.ts";
import { InternalMetrics, type InternalMetricsParts } from "./telemetry/internal_metrics.ts";
import { Metrics } from "./telemetry/metrics.ts";
import { Observers } from "./telemetry/observer.ts";
import { Recent } from "./telemetry/recent.ts";
import { StatsD } from "./telemetry/statsd.ts";

/** What is counted and measured, and who is told of it. */
export interface Telemetry {
  readonly observers: Observers;
  readonly metrics: Metrics;
  readonly recent: Recent;
  /** Null where STATSD_HOST is not set. */
  readonly statsd: StatsD | null;
}

/** Before anything that is to be observed. What is started is put on `started`. */
export function startTelemetry(config: Config, started: StopStack): Telemetry {
  const observers = new Observers();
  const metrics = new Metrics();
  const recent = new Recent();
  observers.add(metrics);
  observers.add(recent);
  let statsd: StatsD | null = null;
  if (config.STATSD_HOST) {
    const client = new StatsD({
      host: config.STATSD_HOST,
      port: config.STATSD_PORT,
      prefix: config.STATSD_PREFIX ?? "",
    });
    started.push("statsd", () => client.close());
    observers.add(client);
    statsd = client;
  }
  const stopWatching = watchEventLoop(observers);
  started.push("event loop", () => Promise.resolve(stopWatching()));
  return { observers, metrics, recent, statsd };
}

/** Where CAPTURE_INTERNAL_METRICS asks for it. */
export function captureInternalMetrics(
  config: Config,
  { observers }: Telemetry,
  parts: { readonly inbox: InternalMetricsParts["inbox"]; readonly teams: Teams },
  started: StopStack,
): void {
  if (!config.CAPTURE_INTERNAL_METRICS) return;
  const metrics = new InternalMetrics({
    inbox: parts.inbox,
    teamId: () => parts.teams.forInternalMetrics(),
  });
  observers.add(metrics);
  metrics.start();
  started.push("internal metrics", () => metrics.stop());
}

/** Listens for those who want to see passing events. */
export async function openTap(
  database: Database,
  notifications: PubSub,
  started: StopStack,
): Promise<EventTap> {
  const tap = new EventTap(async (id, lines) => {
    await database.query("SELECT pg_notify($1, line) FROM unnest($2::text[]) AS line", [
      `${TAP_CHANNEL}_${id}`,
      lines,
    ]);
  });
  started.push("tap", () => Promise.resolve(tap.close()));
  await notifications.subscribe(TAP_CHANNEL, (payload) => tap.asked(payload));
  return tap;
}
