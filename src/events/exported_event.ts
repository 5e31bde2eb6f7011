import { Buffer } from "node:buffer";
import { withElements } from "./elements.ts";
import type { JsonObject } from "./types.ts";

/** A stored event as a plugin that exports history is handed it. */
export interface HistoricalEvent {
  readonly teamId: number;
  readonly event: string;
  readonly distinctId: string;
  readonly properties: JsonObject;
  /** Innermost first; a stored value, which may be anything. */
  readonly elements: unknown;
  /** In the form of `Date.toISOString()`, as is `createdAt`, which is `""` where it is not known. */
  readonly timestamp: string;
  readonly createdAt: string;
}

/** The JSON text of its plugin event. */
export function exportedEvent(stored: HistoricalEvent): Uint8Array {
  const { teamId, event, distinctId, properties, elements, timestamp, createdAt } = stored;
  return Buffer.from(JSON.stringify({
    team_id: teamId,
    distinct_id: distinctId,
    properties: withElements(properties, elements),
    timestamp,
    now: timestamp,
    event,
    ip: properties.$ip ?? "",
    site_url: "",
    sent_at: createdAt,
  }));
}
