import type { JsonObject, RawEvent } from "../../src/events/types.ts";

/** An event that arrived just now, with nothing but what a test is about. */
export function rawEvent(teamId: number, distinctId: string, data: JsonObject): RawEvent {
  return {
    teamId,
    distinctId,
    ip: null,
    siteUrl: null,
    now: new Date().toISOString(),
    sentAt: null,
    data,
    uuid: "",
  };
}
