/**
 * When an event happened, from what its sender said. The rules are those of PostHog's plugin
 * server 1.10; unlike it, every form of date is taken in every place, a missing zone is UTC, and an
 * unusable date falls back to the time of receipt instead of costing the event.
 */

/** What the rules look at. */
export interface TimestampInputs {
  readonly now: string;
  readonly sent_at: string | null;
  readonly timestamp?: unknown;
  readonly offset?: unknown;
}

// Postgres and ClickHouse agree on this span; outside of it a date is a sender's mistake.
const EARLIEST_MS = Date.UTC(1, 0, 1);
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const HAS_ZONE = /(?:[zZ]|[+-]\d{2}(?::?\d{2})?|\b(?:GMT|UTC))\s*$/;
const ISO_LIKE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?/;

/**
 * Milliseconds since the epoch, or NaN. Takes ISO 8601 (a space instead of `T` too), RFC 2822 and
 * epoch milliseconds as a number; without a zone it is UTC.
 */
export function parseDate(value: unknown): number {
  if (typeof value === "number") return withinSpan(value);
  if (typeof value !== "string") return NaN;
  // What nearly every client library sends, and Date reads as it is meant.
  if (value.length === 24 && value.endsWith("Z")) {
    const ms = Date.parse(value);
    if (!Number.isNaN(ms)) return withinSpan(ms);
  }
  const text = value.trim();
  if (ISO_LIKE.test(text) && !HAS_ZONE.test(text.slice(10))) {
    const dateOnly = text.length === 10;
    return withinSpan(Date.parse(dateOnly ? text : `${text.replace(" ", "T").replace(",", ".")}Z`));
  }
  const parsed = Date.parse(text);
  if (!Number.isNaN(parsed)) return withinSpan(parsed);
  return withinSpan(Date.parse(text.replace(" ", "T")));
}

function withinSpan(ms: number): number {
  return ms >= EARLIEST_MS && ms <= LATEST_MS ? ms : NaN;
}

/**
 * The moment to store, in ms since the epoch:
 * 1. `now + (timestamp - sent_at)` where both are usable, which takes the sender's clock skew out;
 * 2. `timestamp` without a usable `sent_at`;
 * 3. `now - offset` ms;
 * 4. `now`.
 */
export function eventTimeMs(inputs: TimestampInputs): number {
  const now = parseDate(inputs.now);
  const receipt = Number.isNaN(now) ? Date.now() : now;
  const timestamp = inputs.timestamp ? parseDate(inputs.timestamp) : NaN;
  if (!Number.isNaN(timestamp)) {
    const sentAt = inputs.sent_at ? parseDate(inputs.sent_at) : NaN;
    const skewed = withinSpan(receipt + (timestamp - sentAt));
    return Number.isNaN(skewed) ? timestamp : skewed;
  }
  const offset = Number(inputs.offset);
  if (inputs.offset && typeof inputs.offset !== "object" && Number.isFinite(offset)) {
    const moment = withinSpan(receipt - offset);
    if (!Number.isNaN(moment)) return moment;
  }
  return receipt;
}

/** The date as `isoTime` prints it, or null: for dates that are mostly printed so already. */
export function normalizedDate(value: string): string | null {
  const ms = parseDate(value);
  if (Number.isNaN(ms)) return null;
  return value.length === 24 && PRINTED.test(value) ? value : isoTime(ms);
}

const PRINTED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** ISO 8601 in UTC with three fraction digits. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
