/** Uuids that Paddock makes. */
import { hash, randomBytes } from "node:crypto";

let lastMs = 0;
let sequence = 0;

/**
 * A uuid that sorts by time: 6 bytes of Unix milliseconds, 2 bytes of a counter within them, 8
 * random bytes. The form of PostHog's plugin server 1.10, for rows that it and Paddock both write.
 */
export function timeUuid(now = Date.now()): string {
  if (now === lastMs) sequence = (sequence + 1) & 0xffff;
  else [lastMs, sequence] = [now, 0];
  const time = now.toString(16).padStart(12, "0");
  return dashed(time + sequence.toString(16).padStart(4, "0") + randomBytes(8).toString("hex"));
}

/** A uuid that is the same whenever the text is: for messages that bring none of their own. */
export function uuidFromText(text: string): string {
  return dashed(hash("sha256", text, "hex").slice(0, 32));
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${
    hex.slice(20)
  }`;
}
