/** Gathers stored events for one plugin config's `exportEvents`, and hands over full batches. */
import { getLogger } from "@logtape/logtape";
import { aboutTarget } from "../../telemetry/about.ts";
import { errorMessage } from "../../errors.ts";
import { Backoff } from "../backoff.ts";
import type { PluginTarget, PluginTargets } from "../plugin_hooks.ts";
import {
  type Delivery,
  type DeliveryRow,
  type HeldEvent,
  heldEvents,
  Progress,
  sizeOf,
} from "./delivery.ts";

/** Where batches go that could not be exported: durable, and tried again without holding up others. */
export interface ExportRetries {
  /** Resolves once the batch is kept for a later try. */
  retryLater(target: PluginTarget, texts: readonly Uint8Array[], reason: string): Promise<void>;
  /** Resolves once the batch is kept for an operator to look at and try again. */
  giveUp(target: PluginTarget, texts: readonly Uint8Array[], reason: string): Promise<void>;
}

/** Where it is counted what became of exported events, as plugins' metrics. */
export interface ExportCounters {
  count(
    configId: number,
    name:
      | "events_seen"
      | "events_delivered_successfully"
      | "undelivered_events"
      | "retry_errors"
      | "other_errors",
    events: number,
  ): void;
}

export interface ExportDeliveryParts {
  readonly targets: PluginTargets;
  readonly retries: ExportRetries;
  readonly counters: ExportCounters;
}

/** Batches with the plugin at a time. */
const IN_FLIGHT = 4;
/** Held at most, in the buffer and with the plugin, unless two batches are larger. */
const ROOM_BYTES = 4 * 1024 * 1024;
/** A batch at which the plugin's process dies so often in a row is kept for later. */
const MAX_CRASHES = 3;

export class ExportDelivery implements Delivery {
  readonly kind = "export";
  readonly configId: number;
  readonly teamId: number;
  readonly #targets: PluginTargets;
  readonly #retries: ExportRetries;
  readonly #counters: ExportCounters;
  readonly #progress: Progress;
  readonly #stop = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  readonly #log = getLogger(["paddock", "export"]);
  /** Of a target that is gone meanwhile, the last settings count. */
  #settings: PluginTarget["exportSettings"];
  #buffer: HeldEvent[] = [];
  #bufferBytes = 0;
  /** Full batches that wait for one under way to end. */
  #full: HeldEvent[][] = [];
  #bytes = 0;
  #fetched: bigint;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(target: PluginTarget, parts: ExportDeliveryParts, position: bigint) {
    this.configId = target.configId;
    this.teamId = target.teamId;
    this.#targets = parts.targets;
    this.#retries = parts.retries;
    this.#counters = parts.counters;
    this.#settings = target.exportSettings;
    this.#progress = new Progress(position);
    this.#fetched = position;
  }

  get fetched(): bigint {
    return this.#fetched;
  }

  get done(): bigint {
    return this.#progress.done;
  }

  get delivered(): bigint {
    return this.#progress.delivered;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get hasRoom(): boolean {
    const room = Math.max(ROOM_BYTES, 2 * this.#settings.bufferBytes);
    return this.#bytes < room && !this.#stop.signal.aborted;
  }

  offer(rows: readonly DeliveryRow[], until: bigint): void {
    this.#fetched = until;
    this.#settings = this.#targets.get(this.configId)?.exportSettings ?? this.#settings;
    const { bufferBytes, ignored } = this.#settings;
    for (
      const event of heldEvents(rows, ({ name }) => name !== "$snapshot" && !ignored.has(name))
    ) {
      const size = event.text.byteLength;
      if (this.#buffer.length > 0 && this.#bufferBytes + size > bufferBytes) this.#close();
      this.#buffer.push(event);
      this.#bufferBytes += size;
      this.#bytes += size;
      if (this.#bufferBytes > bufferBytes) this.#close();
    }
    if (this.#buffer.length > 0) {
      this.#timer ??= setTimeout(() => this.#flush(), this.#settings.bufferSeconds * 1000);
    }
    this.#pump();
  }

  /** Hands over what is in the buffer, and waits for it. */
  async stop(patienceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), patienceMs);
    this.#flush();
    while (this.#underWay.size > 0 && !this.#stop.signal.aborted) {
      await Promise.race([
        Promise.allSettled(this.#underWay),
        new Promise((resolve) => this.#stop.signal.addEventListener("abort", resolve)),
      ]);
    }
    clearTimeout(timer);
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  #flush(): void {
    this.#close();
    this.#pump();
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#buffer.length > 0) this.#full.push(this.#buffer);
    this.#buffer = [];
    this.#bufferBytes = 0;
  }

  #pump(): void {
    if (this.#stop.signal.aborted) return;
    while (this.#full.length > 0 && this.#underWay.size < IN_FLIGHT) {
      const batch = this.#full.shift() as HeldEvent[];
      const end = this.#progress.begin(batch);
      const work = this.#export(batch).then((isDone) => {
        this.#underWay.delete(work);
        this.#bytes -= sizeOf(batch);
        if (isDone) end();
        this.#pump();
      });
      this.#underWay.add(work);
    }
    if (this.#full.length === 0 && this.#buffer.length === 0) this.#progress.idle(this.#fetched);
  }

  /** Ends with the batch exported or kept elsewhere; false where it was stopped before. */
  async #export(batch: readonly HeldEvent[]): Promise<boolean> {
    const { signal } = this.#stop;
    const texts = batch.map(({ text }) => text);
    const count = (name: Parameters<ExportCounters["count"]>[1]) =>
      this.#counters.count(this.configId, name, batch.length);
    count("events_seen");
    const backoff = new Backoff(250, 30_000);
    for (let crashes = 0; !signal.aborted;) {
      const target = this.#targets.get(this.configId);
      const hooks = target?.hooks ?? null;
      if (target !== null && hooks !== null) {
        if (!hooks.exportEvents) return true;
        const outcome = await target.call("exportEvents", texts);
        switch (outcome.status) {
          case "done":
            count("events_delivered_successfully");
            return true;
          case "failed":
            count(outcome.isRetryable ? "retry_errors" : "other_errors");
            return await this.#keep(target, texts, outcome.error.message, outcome.isRetryable);
          case "crashed":
            if (++crashes >= MAX_CRASHES) {
              count("retry_errors");
              return await this.#keep(target, texts, outcome.reason, true);
            }
            break;
          case "unavailable":
            // Nothing was called: the batch waits here, and what is behind it in the outbox.
        }
      }
      target?.load();
      await backoff.failed(signal);
    }
    return false;
  }

  async #keep(
    target: PluginTarget,
    texts: readonly Uint8Array[],
    reason: string,
    isRetryable: boolean,
  ): Promise<boolean> {
    const { signal } = this.#stop;
    const backoff = new Backoff(250, 30_000);
    while (!signal.aborted) {
      try {
        if (isRetryable) await this.#retries.retryLater(target, texts, reason);
        else await this.#retries.giveUp(target, texts, reason);
        return true;
      } catch (error) {
        if (backoff.failures === 0) {
          aboutTarget(this.#log, target)
            .warn`a batch of plugin config ${this.configId} waits for the job queue: ${
            errorMessage(error)
          }`;
        }
        await backoff.failed(signal);
      }
    }
    return false;
  }
}
