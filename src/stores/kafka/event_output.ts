/** Events, and what they changed about people, as messages for Kafka. */
import type { DeadLetter } from "../../events/dead_letter.ts";
import type { Queryable } from "../postgres/database.ts";
import type {
  DeadLetterSink,
  EventOutput,
  OutputEnd,
  WrittenBatch,
} from "../postgres/events/event_store.ts";
import type { KafkaOutbox } from "../postgres/kafka_outbox/kafka_outbox.ts";
import { deadLetterMessage } from "./messages/dead_letter_message.ts";
import { eventMessages } from "./messages/event_messages.ts";
import { groupMessages, peopleMessages } from "./messages/people_messages.ts";
import type { OutputMessage } from "./messages/output_message.ts";

export interface KafkaEventOutputParts {
  readonly outbox: KafkaOutbox;
  readonly deadLetters: DeadLetterSink;
  /** Resolves when Kafka has them; see `SendMessages`. */
  readonly send: (messages: readonly OutputMessage[]) => Promise<readonly DeadLetter[]>;
  /** There are messages of people and groups that are committed. */
  readonly onOrdered: () => void;
}

/**
 * Events are sent just before their transaction commits. Where it does not, their claims are not
 * there either and they are sent again: at least once, without a copy of each in Postgres. People and
 * groups are committed with what is said of them, and sent by the relay in the order of commits.
 */
export class KafkaEventOutput implements EventOutput {
  readonly #parts: KafkaEventOutputParts;

  constructor(parts: KafkaEventOutputParts) {
    this.#parts = parts;
  }

  async write(tx: Queryable, batch: WrittenBatch): Promise<OutputEnd> {
    const { outbox, deadLetters, send, onOrdered } = this.#parts;
    const { events, people, letters, indexOf } = batch;
    const now = new Date().toISOString();
    const ordered = [...peopleMessages(people, now), ...groupMessages(events, indexOf, now)];
    await outbox.append(tx, ordered);
    return {
      async beforeCommit() {
        const refused = await send([
          ...eventMessages(events, indexOf, now),
          ...letters.map((letter) => deadLetterMessage(letter, now)),
        ]);
        if (refused.length > 0) await deadLetters.append(tx, refused);
      },
      afterCommit() {
        if (ordered.length > 0) onOrdered();
      },
    };
  }
}
