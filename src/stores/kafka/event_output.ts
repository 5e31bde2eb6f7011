/** Events, and what they changed about people, as messages for Kafka. */
import type { DeadLetter } from "../../events/dead_letter.ts";
import type { Queryable } from "../postgres/database.ts";
import type { EventOutput, WrittenBatch } from "../postgres/events/event_store.ts";
import type { KafkaOutbox } from "../postgres/kafka_outbox/kafka_outbox.ts";
import { deadLetterMessage } from "./messages/dead_letter_message.ts";
import { eventMessage } from "./messages/event_messages.ts";
import { groupMessages, peopleMessages } from "./messages/people_messages.ts";
import type { OutputMessage } from "./messages/output_message.ts";

export interface KafkaEventOutputParts {
  readonly outbox: KafkaOutbox;
  readonly newUuid: () => string;
  /** Resolves when Kafka has them; see `SendMessages`. */
  readonly send: (messages: readonly OutputMessage[]) => Promise<readonly DeadLetter[]>;
  /** There are ordered messages that are committed. */
  readonly onOrdered: () => void;
  /** Kafka has this row. */
  readonly onSent: (id: string, letters: readonly DeadLetter[]) => void;
}

/**
 * Both kinds of messages are committed with the people they tell of. Events are sent at once by this
 * server, which many do at a time; people and groups by the relay, in order.
 */
export class KafkaEventOutput implements EventOutput {
  readonly #parts: KafkaEventOutputParts;

  constructor(parts: KafkaEventOutputParts) {
    this.#parts = parts;
  }

  async write(tx: Queryable, batch: WrittenBatch): Promise<() => Promise<void>> {
    const { outbox, newUuid, send, onOrdered, onSent } = this.#parts;
    const { events, people, letters, indexOf } = batch;
    const now = new Date().toISOString();
    const free = [
      ...events.map((event) => eventMessage(event, indexOf, now)),
      ...letters.map((letter) => deadLetterMessage(letter, newUuid(), now)),
    ];
    const ordered = [...peopleMessages(people, now), ...groupMessages(events, indexOf, now)];
    const row = await outbox.append(tx, free, false);
    await outbox.append(tx, ordered, true);
    return async () => {
      if (ordered.length > 0) onOrdered();
      if (row !== null) onSent(row, await send(free));
    };
  }
}
