/** A Celery message of 2 KB from list item to checked event. */
import { decodeEvent } from "../src/pipeline/decode.ts";
import { parseMessage } from "../src/sources/celery/message.ts";
import { celeryItem } from "./load/events.ts";

const items = Array.from(
  { length: 100 },
  (_, index) =>
    celeryItem(index, { teams: [1], visitors: 50, prefix: "bench", kind: "visits", run: 0 }),
);

Deno.bench("parse 100 Celery messages", () => {
  for (const text of items) parseMessage(text);
});

Deno.bench("parse and decode 100 Celery messages", () => {
  for (const text of items) {
    const item = parseMessage(text);
    if (item.kind === "event") decodeEvent(item.event, item.bytes, 4e6);
  }
});
