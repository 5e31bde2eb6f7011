import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { RawEvent } from "../../events/types.ts";
import { redisUnavailable } from "../../stores/redis/connection.ts";
import { EVENT_TASK } from "./message.ts";

/** An event as an item of a Celery queue (protocol 2), as the server this one replaces sends it. */
export function celeryEventItem(queue: string, event: RawEvent): string {
  const args = [
    event.distinctId,
    event.ip,
    event.siteUrl,
    event.data,
    event.teamId,
    event.now,
    event.sentAt,
  ];
  const id = randomUUID();
  return JSON.stringify({
    body: Buffer.from(JSON.stringify([args, {}, {}])).toString("base64"),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    headers: { lang: "js", task: EVENT_TASK, id },
    properties: {
      // Both spellings: Celery's own, and that of the server before.
      correlation_id: id,
      correlationId: id,
      reply_to: "",
      replyTo: "",
      delivery_info: { exchange: "", routing_key: queue },
      delivery_mode: 2,
      delivery_tag: randomUUID(),
      body_encoding: "base64",
    },
  });
}

/** Pushes events into a Celery queue, all in one command. */
export async function pushEvents(
  redis: Redis,
  queue: string,
  events: readonly RawEvent[],
): Promise<void> {
  if (events.length === 0) return;
  try {
    await redis.lpush(queue, ...events.map((event) => celeryEventItem(queue, event)));
  } catch (error) {
    throw redisUnavailable(error);
  }
}
