/**
 * Messages for Kafka, durable with the rows they tell of: a crash between the commit and Kafka loses
 * none of them, and what two transactions say of one person is sent in the order of their commits.
 */
import type { DeadLetter } from "../../../events/dead_letter.ts";
import type { OutputMessage } from "../../kafka/messages/output_message.ts";
import type { Database, Queryable } from "../database.ts";
import { decodeMessages, encodeMessages } from "./message_codec.ts";
import relayable from "./relayable.sql" with { type: "text" };

/** Sends messages. Resolves when Kafka has them, with dead letters of those it refused. */
export type SendMessages = (
  messages: readonly OutputMessage[],
) => Promise<readonly DeadLetter[]>;

export interface KafkaOutboxParts {
  readonly database: Database;
  readonly deadLetters: { append(tx: Queryable, letters: readonly DeadLetter[]): Promise<void> };
  /** Of this server, whose presence says that it lives. */
  readonly serverId: string;
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

const APPEND = `INSERT INTO paddock.kafka_outbox (server_id, is_ordered, messages)
VALUES ($1, $2, $3) RETURNING id`;

export class KafkaOutbox {
  readonly #parts: KafkaOutboxParts;

  constructor(parts: KafkaOutboxParts) {
    this.#parts = parts;
  }

  /**
   * Appends within the caller's transaction, as its last statements: whoever changes the same people
   * after it waits for its end, and so gets a higher id.
   * @returns the row's id, to be forgotten once its messages are sent; null where there are none
   */
  async append(
    tx: Queryable,
    messages: readonly OutputMessage[],
    isOrdered: boolean,
  ): Promise<string | null> {
    if (messages.length === 0) return null;
    const rows = await tx.query<{ id: string }>(
      { name: "kafka_outbox_append", text: APPEND },
      [this.#parts.serverId, isOrdered, await encodeMessages(messages)],
    );
    return rows[0]?.id ?? null;
  }

  /** Forgets rows whose messages Kafka has, and keeps the letters of those it refused. */
  async forget(ids: readonly string[], letters: readonly DeadLetter[]): Promise<void> {
    await this.#parts.database.transaction((tx) => this.#forget(tx, ids, letters));
  }

  /**
   * Sends what is to be sent in order, and what dead servers left. Nothing where another server is
   * at it. What is not sent is left as it was.
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
        { name: "kafka_outbox_relayable", text: relayable },
        [limit.rows, limit.bytes],
      );
      if (rows.length === 0) return 0;
      const messages = await Promise.all(rows.map((row) => decodeMessages(row.messages)));
      const letters = await send(messages.flat());
      await this.#forget(tx, rows.map(({ id }) => id), letters);
      return rows.length;
    });
  }

  /** Rows that Kafka does not have yet, and the age of the oldest in seconds. */
  async backlog(): Promise<{ readonly rows: number; readonly oldestSeconds: number }> {
    const [found] = await this.#parts.database.query<{ rows: number; oldestSeconds: number }>(
      `SELECT count(*)::int AS rows,
         coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS "oldestSeconds"
       FROM paddock.kafka_outbox`,
    );
    return found ?? { rows: 0, oldestSeconds: 0 };
  }

  async #forget(
    tx: Queryable,
    ids: readonly string[],
    letters: readonly DeadLetter[],
  ): Promise<void> {
    if (letters.length > 0) await this.#parts.deadLetters.append(tx, letters);
    await tx.query({
      name: "kafka_outbox_forget",
      text: "DELETE FROM paddock.kafka_outbox WHERE id = ANY ($1::bigint[])",
    }, [ids]);
  }
}
