/**
 * The one interface of everything events arrive from. The pipeline knows only this; each source is
 * held to it by the conformance suite in tests/sources/.
 */
import type { ErrorCode } from "../errors.ts";
import type { JsonObject, RawEvent } from "../events/types.ts";

/** One thing a source took: an event, a plugin job, or something unusable. */
export type ReceivedItem =
  | { readonly kind: "event"; readonly event: RawEvent; readonly bytes: number }
  | { readonly kind: "job"; readonly job: PluginJob; readonly bytes: number }
  | {
    readonly kind: "bad";
    readonly code: ErrorCode;
    readonly reason: string;
    /** What arrived, as text, for the dead letters. */
    readonly payload: string;
    readonly bytes: number;
  };

/** A job asked for from outside (`posthog.tasks.plugins.plugin_job`). */
export interface PluginJob {
  readonly teamId: number;
  readonly pluginConfigId: number;
  readonly type: string;
  readonly operation: string;
  readonly payload: JsonObject;
}

/** What one take brought. It stays leased to this server until `ack` or `release`. */
export interface ReceivedBatch {
  /** In the order they are to be processed. */
  readonly items: readonly ReceivedItem[];
  /** Its events were parked, and now it is their turn. */
  readonly wasParked?: true;
  /** Everything in it is durable: forget it. Rejects with a retryable error when the store is away. */
  ack(): Promise<void>;
  /**
   * Gives back what was not finished, oldest first and in order, so that any server (the one this
   * replaces included) can take it; the rest of the batch is forgotten.
   * @param unfinished indices into `items`, ascending
   */
  release(unfinished: readonly number[]): Promise<void>;
}

/** How much one take may bring. At least one item is brought even if it alone is larger. */
export interface TakeLimit {
  readonly items: number;
  readonly bytes: number;
}

/** Where events come from. */
export interface Source {
  /** For logs, health and dead letters, e.g. `celery:posthog-plugins`. */
  readonly name: string;
  /** What waits may be left waiting on purpose, for however long. */
  readonly holdsBack?: true;
  /**
   * Why its store cannot be reached, as far as it knows by itself, or null: a full pipeline takes
   * nothing, and would not notice.
   */
  readonly unavailable?: string | null;
  /** Connects and starts keeping its lease alive. */
  open(): Promise<void>;
  /**
   * Waits until something is there (leases of dead servers first), at most about 5 s.
   * Resolves null when nothing came or `signal` fired. Rejects with a retryable PaddockError when
   * its store is away. Called by one consumer, one call at a time.
   */
  take(limit: TakeLimit, signal: AbortSignal): Promise<ReceivedBatch | null>;
  /** How many messages wait, not counting those leased. */
  depth(): Promise<number>;
  /** Stops the lease heartbeat and disconnects. Batches still out are left to expire. */
  close(): Promise<void>;
}
