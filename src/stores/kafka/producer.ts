/** Puts messages into Kafka: in order, in batches, and told only when they are stored there. */
import { Buffer } from "node:buffer";
import { compatibilityPartitioner, Producer } from "@platformatic/kafka";
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import { clientOptions, isTooLarge, type KafkaConnection, kafkaUnavailable } from "./connection.ts";
import type { OutputMessage } from "./messages/output_message.ts";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import { timed } from "../../telemetry/timed.ts";

export interface KafkaProducerOptions {
  readonly connection: KafkaConnection;
  /** In front of every topic's name. */
  readonly prefix: string;
  /** Messages in one batch at most; 0 sends what is there at once, whatever its number. */
  readonly maxMessages: number;
  /** Bytes of values in one batch at most; a larger message is a batch of its own. */
  readonly maxBytes: number;
  /** How long a message that nobody waits for waits for others. */
  readonly flushMs: number;
  /** Told of each request. */
  readonly observer?: Observer;
}

/** A message that the brokers do not take. */
export interface RefusedMessage {
  readonly message: OutputMessage;
  readonly reason: string;
}

interface Waiting {
  readonly messages: readonly OutputMessage[];
  readonly done: PromiseWithResolvers<readonly RefusedMessage[]>;
  /** Of `messages`: how many are stored or refused. */
  settled: number;
  readonly refused: RefusedMessage[];
}

/** One message of a batch. */
interface Sending {
  readonly message: OutputMessage;
  readonly waiting: Waiting;
}

/** Who sends may hold rows of Postgres meanwhile, and does it again where there was no answer. */
const REQUEST_MS = 10_000;

export class KafkaProducer {
  readonly #options: KafkaProducerOptions;
  readonly #producer: Producer;
  readonly #log = getLogger(["paddock", "kafka"]);
  readonly #queue: Waiting[] = [];
  #sending: Promise<void> | null = null;
  #posted: OutputMessage[] = [];
  #postedBytes = 0;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #flushed: Promise<unknown> = Promise.resolve();
  #unavailable: string | null = null;

  constructor(options: KafkaProducerOptions) {
    this.#options = options;
    this.#producer = new Producer({
      ...clientOptions(options.connection),
      requestTimeout: REQUEST_MS,
      idempotent: true,
      // The partition of a key is that which every other client chooses.
      partitioner: compatibilityPartitioner,
    });
    this.#producer.on("error", () => {});
  }

  /** Why nothing can be stored now, or null. */
  get unavailable(): string | null {
    return this.#unavailable;
  }

  /**
   * Resolves when all of it is stored, with what the brokers do not take because of its size. What is
   * sent first is stored first. Where it rejects, some of it may be stored all the same.
   * @throws PaddockError PDK_KAFKA_UNAVAILABLE where the brokers are away
   */
  send(messages: readonly OutputMessage[]): Promise<readonly RefusedMessage[]> {
    if (messages.length === 0) return Promise.resolve([]);
    const done = Promise.withResolvers<readonly RefusedMessage[]>();
    this.#queue.push({ messages, done, settled: 0, refused: [] });
    this.#sending ??= this.#sendAll().finally(() => this.#sending = null);
    return done.promise;
  }

  /** For messages that nobody waits for: they are sent when a batch is full, or after a while. */
  post(message: OutputMessage): void {
    const { maxMessages, maxBytes, flushMs } = this.#options;
    this.#posted.push(message);
    this.#postedBytes += message.value.byteLength;
    if (this.#posted.length >= maxMessages || this.#postedBytes >= maxBytes) this.#flush();
    else this.#flushTimer ??= setTimeout(() => this.#flush(), flushMs);
  }

  /** Sends what is there and disconnects. */
  async close(): Promise<void> {
    this.#flush();
    await Promise.all([this.#flushed, this.#sending]);
    await this.#producer.close().catch(() => {});
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const messages = this.#posted;
    this.#posted = [];
    this.#postedBytes = 0;
    if (messages.length === 0) return;
    this.#flushed = this.send(messages).then(
      (refused) => {
        for (const { message, reason } of refused) {
          this.#log.warn`a message for ${message.topic} is lost: ${reason}`;
        }
      },
      (error) => this.#log.warn`${messages.length} messages are lost: ${errorMessage(error)}`,
    );
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#nextBatch();
      try {
        const refused = await this.#store(batch.map(({ message }) => message));
        this.#settle(batch, refused);
      } catch (error) {
        for (const { done } of this.#queue.splice(0)) done.reject(error);
      }
    }
  }

  #settle(batch: readonly Sending[], refused: readonly RefusedMessage[]): void {
    for (const { message, waiting } of batch) {
      const refusal = refused.find((each) => each.message === message);
      if (refusal !== undefined) waiting.refused.push(refusal);
      waiting.settled++;
      if (waiting.settled < waiting.messages.length) continue;
      this.#queue.shift();
      waiting.done.resolve(waiting.refused);
    }
  }

  /** What is to be sent next, of as many senders as fit. */
  #nextBatch(): Sending[] {
    const maxMessages = this.#options.maxMessages || Infinity;
    const batch: Sending[] = [];
    let bytes = 0;
    for (const waiting of this.#queue) {
      for (const message of waiting.messages.slice(waiting.settled)) {
        const size = message.value.byteLength;
        const isFull = batch.length >= maxMessages || bytes + size > this.#options.maxBytes;
        if (batch.length > 0 && isFull) return batch;
        batch.push({ message, waiting });
        bytes += size;
      }
    }
    return batch;
  }

  async #store(messages: readonly OutputMessage[]): Promise<readonly RefusedMessage[]> {
    try {
      const observer = this.#options.observer ?? NOBODY;
      await timed(observer, "kafka", "send", () =>
        this.#producer.send({
          messages: messages.map((each) => this.#kafkaMessage(each)),
          acks: -1,
        }));
      if (this.#unavailable !== null) this.#log.info`Kafka takes messages again`;
      this.#unavailable = null;
      return [];
    } catch (error) {
      if (isTooLarge(error)) return await this.#split(messages, error);
      const reason = kafkaUnavailable(error);
      if (this.#unavailable === null) this.#log.warn`messages are not stored: ${reason.message}`;
      this.#unavailable = reason.message;
      throw reason;
    }
  }

  /** A batch may be too large where none of its messages is. */
  async #split(
    messages: readonly OutputMessage[],
    error: unknown,
  ): Promise<readonly RefusedMessage[]> {
    if (messages.length === 1) {
      const [message] = messages as readonly [OutputMessage];
      const reason = `${message.value.byteLength} bytes: ${kafkaUnavailable(error).message}`;
      return [{ message, reason }];
    }
    const middle = messages.length >> 1;
    return [
      ...await this.#store(messages.slice(0, middle)),
      ...await this.#store(messages.slice(middle)),
    ];
  }

  #kafkaMessage({ topic, key, value, order }: OutputMessage) {
    const message = {
      topic: this.#options.prefix + topic,
      value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
      ...(key === null ? {} : { key: Buffer.from(key) }),
    };
    if (order === null) return message;
    return { ...message, partition: compatibilityPartitioner(message, Buffer.from(order)) };
  }
}
