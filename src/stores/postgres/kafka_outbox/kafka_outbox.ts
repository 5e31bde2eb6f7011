/**
 * Messages of people and groups for Kafka, durable with the rows they tell of: a crash between the
 * commit and Kafka loses none of them, and what two transactions say of one person is sent in the
 * order of their commits.
 */
import type { DeadLetter } from "../../../events/dead_letter.ts";
import type { OutputMessage } from "../../kafka/messages/output_message.ts";
import type { Database, Queryable } from "../database.ts";
import { decodeMessages, encodeMessages } from "./message_codec.ts";
import oldest from "./oldest.sql" with { type: "text" };

/** Sends messages. Resolves when Kafka has them, with dead letters of those it refused. */
export type SendMessages = (
  messages: readonly OutputMessage[],
) => Promise<readonly DeadLetter[]>;

export interface KafkaOutboxParts {
  readonly database: Database;
  readonly deadLetters: { append(tx: Queryable, letters: readonly DeadLetter[]): Promise<void> };
}

/** How much one relay takes at a time. */
export interface RelayLimit {
  readonly rows: number;
  /** Compressed; one row is taken, however large. */
  readonly bytes: number;
}

/** Any constants: only relays take this lock. */
const LOCK_CLASS = 7_233;
const LOCK_KEY = 367;

export class KafkaOutbox {
  readonly #parts: KafkaOutboxParts;

  constructor(parts: KafkaOutboxParts) {
    this.#parts = parts;
  }

  /**
   * Appends within the caller's transaction, after it changed what the messages tell of: whoever
   * changes the same after it waits for its end, and so gets a higher id.
   */
  async append(tx: Queryable, messages: readonly OutputMessage[]): Promise<void> {
    if (messages.length === 0) return;
    await tx.query(
      {
        name: "kafka_outbox_append",
        text: "INSERT INTO paddock.kafka_outbox (messages) VALUES ($1)",
      },
      [await encodeMessages(messages)],
    );
  }

  /**
   * Sends the oldest, in order. Nothing where another server is at it. What is not sent is left as it
   * was.
   * @returns how many rows were sent
   */
  async relay(send: SendMessages, limit: RelayLimit): Promise<number> {
    return await this.#parts.database.transaction(async (tx) => {
      const [lock] = await tx.query<{ held: boolean }>(
        "SELECT pg_try_advisory_xact_lock($1, $2) AS held",
        [LOCK_CLASS, LOCK_KEY],
      );
      if (lock?.held !== true) return 0;
      const rows = await tx.query<{ id: string; messages: Uint8Array }>(
        { name: "kafka_outbox_oldest", text: oldest },
        [limit.rows, limit.bytes],
      );
      if (rows.length === 0) return 0;
      const messages = await Promise.all(rows.map((row) => decodeMessages(row.messages)));
      const letters = await send(messages.flat());
      if (letters.length > 0) await this.#parts.deadLetters.append(tx, letters);
      await tx.query({
        name: "kafka_outbox_forget",
        text: "DELETE FROM paddock.kafka_outbox WHERE id = ANY ($1::bigint[])",
      }, [rows.map(({ id }) => id)]);
      return rows.length;
    });
  }
}
