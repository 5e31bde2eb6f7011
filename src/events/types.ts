/** What an event is, at each step of its way. */

/** A JSON object of unknown shape. */
export type JsonObject = Record<string, unknown>;

/**
 * An event as plugins see it and as the pipeline carries it: the sender's members laid over the
 * server's envelope. Dates are ISO 8601 strings.
 */
export interface PluginEvent extends JsonObject {
  uuid: string;
  event: string;
  distinct_id: string;
  team_id: number;
  ip: string | null;
  site_url: string | null;
  /** When the server that accepted it did so. */
  now: string;
  /** The sender's clock when it sent, where it said so. */
  sent_at: string | null;
  /** The sender's clock when it happened. */
  timestamp?: string;
  /** Milliseconds before `now`, from senders without a clock. */
  offset?: number;
  properties?: JsonObject;
  $set?: JsonObject;
  $set_once?: JsonObject;
}

/** An event as a source hands it over: nothing in `data` has been checked. */
export interface RawEvent {
  readonly teamId: number;
  readonly distinctId: unknown;
  readonly ip: string | null;
  readonly siteUrl: string | null;
  readonly now: string;
  readonly sentAt: string | null;
  /** The sender's event object. */
  readonly data: JsonObject;
  /**
   * Used when the sender gave no valid uuid of its own. The same on every redelivery of the same
   * message, so that a repeat is recognised.
   */
  readonly uuid: string;
  /** How often it became a dead letter before, where it was replayed. */
  readonly attempts?: number;
  /** The server's own, which no plugin is told of. Never taken from what a sender says. */
  readonly isOwn?: true;
}
