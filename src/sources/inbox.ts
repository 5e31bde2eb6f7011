import type { RawEvent } from "../events/types.ts";

/**
 * Where accepted events are put down before the sender is told so: Kafka in Kafka mode, else the
 * Postgres queue. `append` resolves only once they are durable.
 */
export interface Inbox {
  /** Rejects with a retryable PaddockError when the store is away: the sender gets 503. */
  append(events: readonly RawEvent[]): Promise<void>;
}
