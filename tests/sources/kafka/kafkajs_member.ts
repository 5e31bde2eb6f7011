/** A member of a group by `kafkajs`, to hold it against the client that the server uses. */
import { type Consumer, Kafka, logLevel } from "kafkajs";
import { PaddockError } from "../../../src/errors.ts";
import { kafkaUnavailable } from "../../../src/stores/kafka/connection.ts";
import type { Membership } from "../../../src/sources/kafka/kafka_source.ts";
import type {
  GroupMemberEvents,
  GroupMemberOptions,
} from "../../../src/stores/kafka/group_member.ts";

export class KafkaJsMember implements Membership {
  readonly #options: GroupMemberOptions;
  readonly #events: GroupMemberEvents;
  readonly #kafka: Kafka;
  #consumer: Consumer;
  /** Settles when it is known where the partitions of this assignment go on. */
  #assigned: Promise<void> = Promise.resolve();
  #partitions: readonly number[] = [];
  #stopped = false;
  #restart: ReturnType<typeof setTimeout> | undefined;

  constructor(options: GroupMemberOptions, events: GroupMemberEvents) {
    this.#options = options;
    this.#events = events;
    const { clientId, brokers } = options.connection;
    this.#kafka = new Kafka({ clientId, brokers: [...brokers], logLevel: logLevel.NOTHING });
    this.#consumer = this.#newConsumer();
  }

  #newConsumer(): Consumer {
    const { groupId, sessionMs, heartbeatMs } = this.#options;
    return this.#kafka.consumer({
      groupId,
      sessionTimeout: sessionMs,
      heartbeatInterval: heartbeatMs,
      maxWaitTimeInMs: 200,
      allowAutoTopicCreation: false,
    });
  }

  async start(): Promise<void> {
    const { topic, startAt } = this.#options;
    const { GROUP_JOIN, REBALANCING, CRASH } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      const partitions = payload.memberAssignment[topic] ?? [];
      this.#assigned = this.#begin(partitions);
    });
    // It tells, and waits for nobody.
    this.#consumer.on(REBALANCING, () => void this.#events.onRevoke());
    this.#consumer.on(CRASH, ({ payload }) => this.#failed(payload.error));
    try {
      await this.#consumer.connect();
      await this.#consumer.subscribe({ topic, fromBeginning: startAt === "earliest" });
      await this.#consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch, isStale }) => {
          await this.#assigned;
          for (const { offset, key, value } of isStale() ? [] : batch.messages) {
            const { partition } = batch;
            this.#events.onRecord({ partition, offset: BigInt(offset), key, value });
          }
        },
      });
    } catch (error) {
      this.#failed(error);
    }
  }

  pause(): void {
    this.#consumer.pause([{ topic: this.#options.topic }]);
  }

  resume(): void {
    this.#consumer.resume([{ topic: this.#options.topic }]);
  }

  async commit(positions: ReadonlyMap<number, bigint>): Promise<void> {
    const { topic } = this.#options;
    await this.#consumer.commitOffsets(
      [...positions].map(([partition, offset]) => ({ topic, partition, offset: String(offset) })),
    );
  }

  async ends(): Promise<ReadonlyMap<number, bigint>> {
    const ends = await this.#offsets("high");
    return new Map(this.#partitions.map((partition) => [partition, ends.get(partition) ?? 0n]));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    await this.#consumer.disconnect();
  }

  async #begin(partitions: readonly number[]): Promise<void> {
    const { topic, groupId } = this.#options;
    this.#partitions = partitions;
    const starts = new Map<number, bigint>();
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
      const first = await this.#offsets(this.#options.startAt === "earliest" ? "low" : "high");
      const fresh = new Map<number, bigint>();
      for (const partition of partitions) {
        const found = committed?.partitions.find((each) => each.partition === partition);
        const offset = BigInt(found?.offset ?? "-1");
        if (offset < 0n) fresh.set(partition, first.get(partition) ?? 0n);
        starts.set(partition, fresh.get(partition) ?? offset);
      }
      if (fresh.size > 0) await this.commit(fresh);
      this.#events.onAssigned(starts);
    } catch (error) {
      this.#failed(error);
    } finally {
      await admin.disconnect();
    }
  }

  async #offsets(end: "low" | "high"): Promise<Map<number, bigint>> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      const found = await admin.fetchTopicOffsets(this.#options.topic);
      return new Map(found.map((each) => [each.partition, BigInt(each[end])]));
    } finally {
      await admin.disconnect();
    }
  }

  /** Another consumer is made after a while, as the server's own member does. */
  #failed(error: unknown): void {
    if (this.#stopped) return;
    const { topic } = this.#options;
    this.#events.onFailure(
      error instanceof Error && "type" in error && error.type === "UNKNOWN_TOPIC_OR_PARTITION"
        ? new PaddockError("PDK_KAFKA_TOPIC", `Kafka has no topic '${topic}'`)
        : kafkaUnavailable(error),
    );
    this.#consumer.disconnect().catch(() => {});
    clearTimeout(this.#restart);
    this.#restart = setTimeout(() => {
      this.#consumer = this.#newConsumer();
      this.start();
    }, 1_000);
  }
}
