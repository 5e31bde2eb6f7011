import { Buffer } from "node:buffer";
import type { RawEvent } from "../../events/types.ts";
import type { OutputMessage } from "../../stores/kafka/messages/output_message.ts";
import type { RefusedMessage } from "../../stores/kafka/producer.ts";
import type { Inbox } from "../inbox.ts";
import { eventMessage } from "./message.ts";

/** Accepted events on the topic that servers take them from. */
export class KafkaInbox implements Inbox {
  readonly #topic: string;
  readonly #send: (messages: readonly OutputMessage[]) => Promise<readonly RefusedMessage[]>;
  readonly #tooLarge: Inbox;

  /** @param tooLarge where events go that are larger than the topic takes */
  constructor(
    topic: string,
    send: (messages: readonly OutputMessage[]) => Promise<readonly RefusedMessage[]>,
    tooLarge: Inbox,
  ) {
    this.#topic = topic;
    this.#send = send;
    this.#tooLarge = tooLarge;
  }

  async append(events: readonly RawEvent[]): Promise<void> {
    const eventOf = new Map<OutputMessage, RawEvent>();
    for (const event of events) {
      const message = {
        topic: this.#topic,
        key: event.uuid,
        value: Buffer.from(eventMessage(event)),
        // A visitor's events in one partition: in order, and worked on by one server.
        order: `${event.teamId}:${distinctIdOf(event)}`,
      };
      eventOf.set(message, event);
    }
    const refused = await this.#send([...eventOf.keys()]);
    if (refused.length === 0) return;
    await this.#tooLarge.append(
      refused.flatMap(({ message }) => eventOf.get(message) ?? []),
    );
  }
}

function distinctIdOf({ data, distinctId }: RawEvent): string {
  return JSON.stringify(data.distinct_id ?? distinctId ?? null);
}
