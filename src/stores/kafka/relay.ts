/** Carries what is committed to Kafka: see `KafkaOutbox`. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import type { KafkaOutbox, SendMessages } from "../postgres/kafka_outbox/kafka_outbox.ts";

export interface KafkaRelayOptions {
  /** How often it looks for what other servers committed. */
  readonly pollMs: number;
}

const LIMIT = { rows: 500, bytes: 8 * 1024 * 1024 };
const LONGEST_WAIT_MS = 5_000;

export class KafkaRelay {
  readonly #outbox: KafkaOutbox;
  readonly #send: SendMessages;
  readonly #options: KafkaRelayOptions;
  readonly #log = getLogger(["paddock", "kafka"]);
  #running: Promise<void> | null = null;
  #stopped = false;
  #hasNews = false;
  #wake: () => void = () => {};
  #unavailable: string | null = null;

  constructor(outbox: KafkaOutbox, send: SendMessages, options: KafkaRelayOptions) {
    this.#outbox = outbox;
    this.#send = send;
    this.#options = options;
  }

  /** Why nothing is relayed now, or null. */
  get unavailable(): string | null {
    return this.#unavailable;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something was committed that is to be sent. */
  notify(): void {
    this.#hasNews = true;
    this.#wake();
  }

  /** Relays what is committed, and ends. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    let wait = this.#options.pollMs;
    for (let last = false; !last;) {
      last = this.#stopped;
      try {
        this.#hasNews = false;
        while (await this.#outbox.relay(this.#send, LIMIT) > 0);
        this.#unavailable = null;
        wait = this.#options.pollMs;
      } catch (error) {
        if (this.#unavailable === null && !this.#stopped) {
          this.#log.warn`messages wait in Postgres: ${errorMessage(error)}`;
        }
        this.#unavailable = errorMessage(error);
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      }
      if (!this.#stopped && !this.#hasNews) await this.#news(wait);
    }
  }

  /** Resolves after a while, or at once when there is news. */
  async #news(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    this.#wake = () => {};
  }
}
