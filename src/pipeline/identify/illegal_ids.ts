/**
 * Distinct ids that senders produce by mistake. Merging people over one of them would make one
 * person of thousands, so an id of this list is stored like any other but never merged.
 * The lists are those of PostHog's plugin server 1.10.
 */

const CASE_INSENSITIVE = new Set([
  "anonymous",
  "guest",
  "distinctid",
  "distinct_id",
  "id",
  "not_authenticated",
  "email",
  "undefined",
  "true",
  "false",
]);

const CASE_SENSITIVE = new Set(["[object Object]", "NaN", "None", "none", "null", "0"]);

/** The width of `posthog_persondistinctid.distinct_id`. */
const MAX_LENGTH = 400;

/** Whether people may be merged over this id. */
export function isMergeable(distinctId: string): boolean {
  return distinctId.trim() !== "" && distinctId.length <= MAX_LENGTH &&
    !CASE_SENSITIVE.has(distinctId) && !CASE_INSENSITIVE.has(distinctId.toLowerCase());
}
