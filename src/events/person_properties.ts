/**
 * Campaign and first-seen properties: what an event says of its visitor without being asked to.
 * The lists and the rules are those of PostHog's plugin server 1.10.
 */
import type { JsonObject } from "./types.ts";

const CAMPAIGN_KEYS = [
  "utm_source",
  "utm_medium",
  "utm_campaign",
  "utm_content",
  "utm_term",
  "gclid",
] as const;

const INITIAL_KEYS = [
  "$browser",
  "$browser_version",
  "$device_type",
  "$current_url",
  "$os",
  "$referring_domain",
  "$referrer",
] as const;

const INITIAL_NAMES: ReadonlyMap<string, string> = new Map(
  [...CAMPAIGN_KEYS, ...INITIAL_KEYS].map((key) => [key, `$initial_${key.replace("$", "")}`]),
);

/** The two person updates of an event. */
export interface PersonUpdates {
  readonly set: JsonObject | null;
  readonly setOnce: JsonObject | null;
}

/** `$set` and `$set_once` as the sender means them: those at the top level over `properties`. */
export function ownUpdates(
  properties: JsonObject,
  topSet: unknown,
  topSetOnce: unknown,
): PersonUpdates {
  return {
    set: merged(properties.$set, topSet),
    setOnce: merged(properties.$set_once, topSetOnce),
  };
}

/**
 * The updates with campaign values in `$set`, and `$initial_…` of campaign and first-seen values in
 * `$set_once`.
 */
export function withCampaign(updates: PersonUpdates, properties: JsonObject): PersonUpdates {
  let set: JsonObject | null = null;
  let setOnce: JsonObject | null = null;
  for (const key of CAMPAIGN_KEYS) {
    if (Object.hasOwn(properties, key)) (set ??= { ...updates.set })[key] = properties[key];
  }
  for (const [key, initialName] of INITIAL_NAMES) {
    if (Object.hasOwn(properties, key)) {
      (setOnce ??= { ...updates.setOnce })[initialName] = properties[key];
    }
  }
  return { set: set ?? updates.set, setOnce: setOnce ?? updates.setOnce };
}

/** A copy of both with the second winning, or null where neither is an object. */
function merged(under: unknown, over: unknown): JsonObject | null {
  if (!isObject(under)) return isObject(over) ? { ...over } : null;
  return isObject(over) ? { ...under, ...over } : { ...under };
}

/** A JSON object, not an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
