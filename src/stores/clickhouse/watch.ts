import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import type { ClickHouse } from "./client.ts";

/** Asks ClickHouse again and again whether it is there: nothing but health depends on the answer. */
export class ClickHouseWatch {
  readonly #clickhouse: ClickHouse;
  readonly #log = getLogger(["paddock", "clickhouse"]);
  #timer: ReturnType<typeof setInterval> | undefined;
  #asking: Promise<void> | null = null;
  #unavailable: string | null = null;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  /** What it answered last: why it cannot be used, or null. */
  get unavailable(): string | null {
    return this.#unavailable;
  }

  start(everyMs: number): void {
    this.#timer = setInterval(() => this.#look(), everyMs);
    this.#look();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#asking;
  }

  #look(): void {
    this.#asking ??= this.#ask().finally(() => this.#asking = null);
  }

  async #ask(): Promise<void> {
    try {
      await this.#clickhouse.query("SELECT 1");
      if (this.#unavailable !== null) this.#log.info`ClickHouse answers again`;
      this.#unavailable = null;
    } catch (error) {
      if (this.#unavailable === null) {
        this.#log.warn`${errorMessage(error)}; events wait for it in Kafka`;
      }
      this.#unavailable = errorMessage(error);
    }
  }
}
