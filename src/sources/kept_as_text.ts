import type { JsonObject, RawEvent } from "../events/types.ts";

/**
 * An event whose `data` stays in memory as the text it came in, not as the many small objects that
 * it is once parsed: thousands of events wait for their transaction at a time, and with each turn of
 * the garbage collector all those objects would be looked at and moved, to be needed by dead letters
 * and parking alone.
 * @param data handed out once, as it is
 * @param read parses it again; for whoever asks after that
 */
export function keptAsText(
  event: Omit<RawEvent, "data">,
  data: JsonObject,
  read: () => JsonObject,
): RawEvent {
  let first: JsonObject | null = data;
  return {
    ...event,
    get data() {
      const value = first ?? read();
      first = null;
      return value;
    },
  };
}
