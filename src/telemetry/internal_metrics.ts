/**
 * CAPTURE_INTERNAL_METRICS: how many events the server processed, every minute, as an event of the
 * project that is meant for such (`for_internal_metrics`). It stays within the installation, and no
 * plugin is told of it.
 */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { RawEvent } from "../events/types.ts";
import { timeUuid } from "../events/uuid.ts";
import type { Observer } from "./observer.ts";

const EVERY_MS = 60_000;
const EVENT = "$$plugin_server_events_processed";

export interface InternalMetricsParts {
  /** Where events enter as they are, what is the server's own included. */
  readonly inbox: { append(events: readonly RawEvent[]): Promise<void> };
  /** The project, or null where none is meant for such. */
  readonly teamId: () => Promise<number | null>;
}

export class InternalMetrics implements Partial<Observer> {
  readonly #parts: InternalMetricsParts;
  readonly #log = getLogger(["paddock", "metrics"]);
  #processed = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(parts: InternalMetricsParts) {
    this.#parts = parts;
  }

  /** At the start of each minute. */
  start(): void {
    this.#timer = setTimeout(() => {
      this.#sending = this.flush();
      this.start();
    }, EVERY_MS - Date.now() % EVERY_MS);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#sending;
    await this.flush();
  }

  /** Its own are not counted: each would be the reason for another. */
  batchDone(_source: string, events: number, _ms: number, own: number): void {
    this.#processed += events - own;
  }

  /** Sends what was counted since the last time; what cannot be sent is counted on. */
  async flush(): Promise<void> {
    const value = this.#processed;
    if (value === 0) return;
    this.#processed = 0;
    try {
      const teamId = await this.#parts.teamId();
      if (teamId === null) return;
      const now = new Date().toISOString();
      await this.#parts.inbox.append([{
        teamId,
        distinctId: "plugin_server",
        ip: null,
        siteUrl: "",
        now,
        sentAt: null,
        data: { event: EVENT, distinct_id: "plugin_server", properties: { value } },
        uuid: timeUuid(),
        isOwn: true,
      }]);
    } catch (error) {
      this.#processed += value;
      this.#log.warn`the server's own metrics were not captured: ${errorMessage(error)}`;
    }
  }
}
