import { hash } from "node:crypto";

/**
 * The key under which an event is remembered as stored: 32 hex digits, the first half of a SHA-256.
 *
 * With a uuid of the sender's own, the content counts as well: some senders use one uuid for every
 * event, and those are different events, not repeats. Without one, the uuid was derived from the
 * message it arrived in, which is the same on every redelivery, and is enough by itself.
 */
export function eventClaim(teamId: number, uuid: string, content: string | null): string {
  const text = content === null ? `${teamId} ${uuid}` : `${teamId} ${uuid} ${content}`;
  return hash("sha256", text, "hex").slice(0, 32);
}
