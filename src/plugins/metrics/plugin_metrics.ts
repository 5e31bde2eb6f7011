/** Numbers that plugins count, and that are counted of their exports, until they are sent on. */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../../telemetry/about.ts";
import { errorMessage } from "../../errors.ts";
import type { RawEvent } from "../../events/types.ts";
import { timeUuid } from "../../events/uuid.ts";
import type { ExportCounters } from "../../pipeline/delivery/export_delivery.ts";
import type { Inbox } from "../../sources/inbox.ts";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import type { PluginSpec } from "../types.ts";

/** The event that the numbers become, for the team of the plugin config. */
const METRICS_EVENT = "$$plugin_metrics";

/** At the full and the half hour, as the server before did. */
const FLUSH_EVERY_MS = 30 * 60_000;

/** Of one plugin config; a plugin that counts more names is not followed. */
const MAX_METRICS = 100;

export type MetricType = "sum" | "max" | "min";

/** Where a plugin config's numbers belong. */
export interface MetricOwner {
  readonly teamId: number;
  readonly spec: Pick<PluginSpec, "id" | "name">;
}

export class PluginMetrics implements ExportCounters {
  readonly #inbox: Inbox;
  readonly #observer: Observer;
  readonly #ownerOf: (configId: number) => MetricOwner | null;
  readonly #log = getLogger(["paddock", "plugins"]);
  #counted = new Map<number, Map<string, number>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #closed = false;

  /**
   * @param inbox where events enter, so that plugins see these as well
   * @param ownerOf null for a config that is not in force any more: its numbers are dropped
   */
  constructor(
    inbox: Inbox,
    ownerOf: (configId: number) => MetricOwner | null,
    observer: Observer = NOBODY,
  ) {
    this.#observer = observer;
    this.#inbox = inbox;
    this.#ownerOf = ownerOf;
    this.#schedule();
  }

  /** Counts for a plugin config. */
  record(configId: number, name: string, type: MetricType, value: number): void {
    const metrics = this.#counted.get(configId) ?? new Map<string, number>();
    this.#counted.set(configId, metrics);
    const current = metrics.get(name);
    if (current === undefined) {
      if (metrics.size < MAX_METRICS) metrics.set(name, value);
    } else if (type === "sum") metrics.set(name, current + value);
    else metrics.set(name, type === "max" ? Math.max(current, value) : Math.min(current, value));
  }

  count(configId: number, name: string, events: number): void {
    this.record(configId, name, "sum", events);
    const owner = this.#ownerOf(configId);
    if (owner === null) return;
    const { teamId, spec: { id: pluginId, name: plugin } } = owner;
    this.#observer.exported({ pluginId, plugin, teamId }, name, events);
  }

  /** Sends on what was counted since the last time. */
  flush(): Promise<void> {
    return this.#flushing = this.#flushing.then(() => this.#flush());
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.flush();
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.flush().finally(() => {
        if (!this.#closed) this.#schedule();
      });
    }, FLUSH_EVERY_MS - Date.now() % FLUSH_EVERY_MS);
  }

  async #flush(): Promise<void> {
    const counted = this.#counted;
    this.#counted = new Map();
    const events = [...counted].flatMap(([configId, metrics]) => {
      const owner = this.#ownerOf(configId);
      return owner === null ? [] : [metricsEvent(owner, metrics)];
    });
    try {
      await this.#inbox.append(events);
    } catch (error) {
      aboutSeveral(this.#log, [...counted.keys()].map((configId) => ({ configId })))
        .warn`plugins' metrics were not sent and are counted on: ${errorMessage(error)}`;
      // A maximum or minimum that came meanwhile is newer and wins.
      for (const [configId, metrics] of counted) {
        if (!this.#counted.has(configId)) this.#counted.set(configId, metrics);
      }
    }
  }
}

function metricsEvent({ teamId, spec }: MetricOwner, metrics: Map<string, number>): RawEvent {
  const now = new Date().toISOString();
  return {
    teamId,
    distinctId: spec.name,
    ip: null,
    siteUrl: null,
    now,
    sentAt: now,
    data: {
      event: METRICS_EVENT,
      distinct_id: spec.name,
      timestamp: now,
      properties: {
        ...Object.fromEntries(metrics),
        $lib: "posthog-plugin-server",
        plugin_name: spec.name,
        plugin_id: spec.id,
      },
    },
    uuid: timeUuid(),
  };
}
