import { hash } from "node:crypto";

/**
 * The key under which an event is remembered as stored: 32 hex digits.
 *
 * With a uuid of the sender's own, the content counts as well: some senders use one uuid for every
 * event, and those are different events, not repeats. The key is half of a SHA-256 then. Without
 * one, the uuid was made here or derived from the message the event arrived in; it is the same on
 * every redelivery and no sender can choose it, so it is the key itself.
 */
export function eventClaim(teamId: number, uuid: string, content: string | null): string {
  if (content === null) return uuid.replaceAll("-", "");
  return hash("sha256", `${teamId} ${uuid} ${content}`, "hex").slice(0, 32);
}
