/** From a capture payload to the events in it. */
import { MAX_NESTING, nestsDeeper } from "../../events/nesting.ts";
import { isObject } from "../../events/person_properties.ts";
import { isoTime, parseDate } from "../../events/timestamps.ts";
import type { JsonObject, RawEvent } from "../../events/types.ts";
import { timeUuid } from "../../events/uuid.ts";
import type { CaptureBody } from "./body.ts";
import { chunkedRecordings } from "./recordings.ts";
import { invalidPayload } from "./refusal.ts";

/** What the request says of all its events. */
export interface CaptureEnvelope {
  readonly teamId: number;
  readonly ip: string | null;
  readonly siteUrl: string;
  /** ISO 8601. */
  readonly now: string;
}

/** Longer ids are cut, which is what PostHog's capture did. */
const MAX_DISTINCT_ID_LENGTH = 200;

/** Every event of the request that has a name and a distinct id; others are left out silently. */
export function eventsOf(body: CaptureBody, path: string, envelope: CaptureEnvelope): RawEvent[] {
  const sentAt = sentAtOf(body);
  // What nobody behind this can print again has to be said to its sender.
  if (nestsDeeper(body.payload)) {
    throw invalidPayload(`Invalid payload: an event nests deeper than ${MAX_NESTING} levels.`);
  }
  return chunkedRecordings(listOf(body.payload, path)).flatMap((data) => {
    const distinctId = distinctIdOf(data);
    if (distinctId === null || !data.event) return [];
    return [{
      ...envelope,
      distinctId,
      sentAt,
      data: isObject(data.properties) ? data : { ...data, properties: {} },
      uuid: timeUuid(),
    }];
  });
}

function listOf(payload: unknown, path: string): JsonObject[] {
  if (Array.isArray(payload)) return objects(payload);
  if (!isObject(payload)) throw invalidPayload("Invalid payload: it holds no event.");
  if (Array.isArray(payload.batch) && payload.batch.length > 0) return objects(payload.batch);
  return [path.includes("engage") ? { ...payload, event: "$identify" } : payload];
}

function objects(list: readonly unknown[]): JsonObject[] {
  if (!list.every(isObject)) throw invalidPayload("Invalid payload: an event is not an object.");
  return list as JsonObject[];
}

/** The first of the three places that is there, as a text; null where it is empty. */
function distinctIdOf(data: JsonObject): string | null {
  const properties = isObject(data.properties) ? data.properties : {};
  const value = [data.$distinct_id, properties.distinct_id, data.distinct_id]
    .find((candidate) => candidate !== undefined);
  if (!value) return null;
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.slice(0, MAX_DISTINCT_ID_LENGTH);
}

/** The sender's clock: seconds, milliseconds or a date; null where it is missing or unusable. */
function sentAtOf({ payload, query, form }: CaptureBody): string | null {
  const value = query.get("_") ?? (isObject(payload) ? payload.sent_at : null) ??
    form.get("sent_at");
  if (typeof value !== "string" && typeof value !== "number") return null;
  const text = String(value);
  const digits = /^\d+$/.test(text);
  const ms = parseDate(digits ? Number(text) * (text.length > 11 ? 1 : 1000) : text);
  return Number.isNaN(ms) ? null : isoTime(ms);
}
