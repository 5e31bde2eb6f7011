/** A member of a consumer group that reads one topic: the one place that knows the client's library. */
import { Buffer } from "node:buffer";
import { Consumer, findErrorBy, roundRobinAssigner } from "@platformatic/kafka";
import { getLogger } from "@logtape/logtape";
import { errorMessage, PaddockError } from "../../errors.ts";
import { clientOptions, type KafkaConnection, kafkaUnavailable } from "./connection.ts";
import { type KafkaRecord, PartitionReader } from "./partition_reader.ts";

/** What a member tells whoever works on its records. */
export interface GroupMemberEvents {
  /** The next record of a partition. */
  onRecord(record: KafkaRecord): void;
  /**
   * Partitions may move to other members now. Resolves when what was taken is done and committed, or
   * will not be: only then is the group told to go on.
   */
  onRevoke(): Promise<void>;
  /** What is read from now on, and where each partition goes on; what was read before is void. */
  onAssigned(starts: ReadonlyMap<number, bigint>): void;
  /** Nothing comes any more until the next `onAssigned`; it is tried again without being asked. */
  onFailure(error: PaddockError): void;
}

export interface GroupMemberOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  /** Where a partition begins of which the group has committed nothing yet. */
  readonly startAt: "earliest" | "latest";
  /** After so long without a sign of life the group goes on without this member. */
  readonly sessionMs: number;
  readonly heartbeatMs: number;
}

/** As the server before names it, so that both can be members of one group during a change. */
const ASSIGNER = { name: "RoundRobinAssigner", version: 1 };
const REBALANCE_MS = 60_000;
const RESTART_MS = 1_000;

export class GroupMember {
  readonly #options: GroupMemberOptions;
  readonly #events: GroupMemberEvents;
  #consumer: Consumer | null = null;
  #reader: PartitionReader | null = null;
  /** Counts assignments, so that what belongs to an earlier one is known. */
  #assignment = 0;
  #partitions: readonly number[] = [];
  #paused = false;
  #stopped = false;
  /** Whether a broker said that it has nothing where a partition was to go on. */
  #isOutOfRange = false;
  readonly #log = getLogger(["paddock", "kafka"]);
  #restart: ReturnType<typeof setTimeout> | undefined;

  constructor(options: GroupMemberOptions, events: GroupMemberEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Joins the group. Where that fails, it is tried again and again, and `onFailure` says why. */
  async start(): Promise<void> {
    const { connection, topic, groupId, sessionMs, heartbeatMs } = this.#options;
    const consumer = new Consumer({
      ...clientOptions(connection),
      groupId,
      autocommit: false,
      sessionTimeout: sessionMs,
      rebalanceTimeout: Math.max(REBALANCE_MS, sessionMs),
      heartbeatInterval: heartbeatMs,
      protocols: [ASSIGNER],
      partitionAssigner: roundRobinAssigner,
      // Asked for before every join: the moment to finish what was taken.
      protocolsMetadata: async () => {
        this.#endReading();
        await this.#events.onRevoke();
        return Buffer.alloc(0);
      },
    });
    this.#consumer = consumer;
    consumer.on("error", (error: Error) => this.#failed(consumer, error));
    consumer.on("consumer:group:join", () => {
      this.#assigned(consumer).catch((error) => this.#failed(consumer, error));
    });
    try {
      // Held for as long as the consumer lives; streams come and go with assignments.
      consumer.topics.track(topic);
      await this.#expectTopic(consumer);
      await consumer.joinGroup({});
    } catch (error) {
      this.#failed(consumer, error);
    }
  }

  /** Stops the flow of records, soon; those on their way still come. */
  pause(): void {
    this.#paused = true;
    this.#reader?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#reader?.resume();
  }

  /**
   * Says how far each partition is done: the offset of the next record that is not.
   * @throws PaddockError PDK_KAFKA_UNAVAILABLE
   */
  async commit(positions: ReadonlyMap<number, bigint>): Promise<void> {
    if (this.#consumer === null) throw this.#away();
    const { topic } = this.#options;
    try {
      await this.#consumer.commit({
        offsets: [...positions].map(([partition, offset]) => ({
          topic,
          partition,
          offset,
          leaderEpoch: -1,
        })),
      });
    } catch (error) {
      throw kafkaUnavailable(error);
    }
  }

  /** The end of each of its partitions: the offset that the next record will have. */
  async ends(): Promise<ReadonlyMap<number, bigint>> {
    if (this.#consumer === null) throw this.#away();
    try {
      return await this.#offsets(this.#consumer, this.#partitions, "latest");
    } catch (error) {
      throw kafkaUnavailable(error);
    }
  }

  /** Leaves the group. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = null;
    this.#partitions = [];
    this.#endReading();
    // Where the brokers are away there is nobody to take leave of.
    await consumer?.close(true).catch(() => {});
  }

  async #assigned(consumer: Consumer): Promise<void> {
    const { topic, startAt } = this.#options;
    this.#endReading();
    const assignment = this.#assignment;
    const isOver = () => assignment !== this.#assignment || this.#consumer !== consumer;
    const partitions = (consumer.assignments ?? [])
      .flatMap((assigned) => assigned.topic === topic ? assigned.partitions : []);
    const starts = new Map<number, bigint>();
    if (partitions.length > 0) {
      const committed = await consumer.listCommittedOffsets({ topics: [{ topic, partitions }] });
      const fresh: number[] = [];
      for (const partition of partitions) {
        const offset = committed.get(topic)?.[partition] ?? -1n;
        if (offset >= 0n) starts.set(partition, offset);
        else fresh.push(partition);
      }
      if (fresh.length > 0) {
        const found = await this.#offsets(consumer, fresh, startAt);
        for (const [partition, offset] of found) starts.set(partition, offset);
        // Written down before the first record is taken: another member that takes over before
        // anything is done would start at the end of that moment, and pass over records.
        if (!isOver()) await this.commit(found);
      }
      if (this.#isOutOfRange) await this.#moveIntoRange(consumer, starts, isOver);
    }
    if (isOver()) return;
    this.#partitions = partitions;
    this.#events.onAssigned(starts);
    if (partitions.length === 0) return;
    const { connection } = this.#options;
    const reader = new PartitionReader(
      { client: clientOptions(connection), topic },
      starts,
      {
        onRecord: (record) => {
          if (this.#reader === reader) this.#events.onRecord(record);
        },
        onFailure: (error) => {
          if (this.#reader === reader) this.#failed(consumer, error);
        },
      },
    );
    this.#reader = reader;
    if (this.#paused) reader.pause();
    reader.start();
  }

  /**
   * Records may be gone before they were read, or a topic may have been made anew. What is committed
   * is put right as well, for it may now be beyond the end.
   */
  async #moveIntoRange(
    consumer: Consumer,
    starts: Map<number, bigint>,
    isOver: () => boolean,
  ): Promise<void> {
    const { topic, startAt } = this.#options;
    const begins = await this.#offsets(consumer, [...starts.keys()], "earliest");
    const ends = await this.#offsets(consumer, [...starts.keys()], "latest");
    const moved = new Map<number, bigint>();
    for (const [partition, start] of starts) {
      const [begin, end] = [begins.get(partition) ?? 0n, ends.get(partition) ?? 0n];
      if (start >= begin && start <= end) continue;
      moved.set(partition, startAt === "earliest" ? begin : end);
    }
    if (isOver()) return;
    for (const [partition, offset] of moved) {
      this.#log
        .warn`${topic}/${partition} has nothing at ${
        starts.get(partition)
      } any more: it goes on at ${offset}`;
      starts.set(partition, offset);
    }
    if (moved.size > 0) await this.commit(moved);
    this.#isOutOfRange = false;
  }

  /** From here on nothing of the assignment before counts. */
  #endReading(): void {
    this.#assignment++;
    this.#reader?.end();
    this.#reader = null;
  }

  async #offsets(
    consumer: Consumer,
    partitions: readonly number[],
    at: "earliest" | "latest",
  ): Promise<Map<number, bigint>> {
    if (partitions.length === 0) return new Map();
    const { topic } = this.#options;
    const offsets = await consumer.listOffsets({
      topics: [topic],
      partitions: { [topic]: [...partitions] },
      timestamp: at === "earliest" ? -2n : -1n,
    });
    return new Map(
      partitions.map((partition) => [partition, offsets.get(topic)?.[partition] ?? 0n]),
    );
  }

  /** @throws PaddockError PDK_KAFKA_TOPIC where the topic does not exist and nobody makes it */
  async #expectTopic(consumer: Consumer): Promise<void> {
    const { topic } = this.#options;
    try {
      await consumer.metadata({ topics: [topic], forceUpdate: true });
    } catch (error) {
      if (/UNKNOWN_TOPIC|unknown topic|does not host this topic/i.test(describe(error))) {
        throw new PaddockError("PDK_KAFKA_TOPIC", `Kafka has no topic '${topic}'`, {
          cause: error,
        });
      }
      throw error;
    }
  }

  /** Another consumer is made after a while: one that failed is not to be relied on. */
  #failed(consumer: Consumer, error: unknown): void {
    if (this.#stopped || this.#consumer !== consumer) return;
    this.#isOutOfRange ||= error instanceof Error &&
      findErrorBy(error, "apiId", "OFFSET_OUT_OF_RANGE") !== null;
    this.#events.onFailure(kafkaUnavailable(error));
    this.#leave();
    this.#restart = setTimeout(() => this.start(), RESTART_MS);
  }

  #away(): PaddockError {
    return new PaddockError("PDK_KAFKA_UNAVAILABLE", "Kafka (KAFKA_HOSTS): not connected");
  }
}

/** The messages of an error and all it holds. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error instanceof AggregateError ? error.errors : [error.cause];
  const id = "apiId" in error ? ` ${String(error.apiId)}` : "";
  return [errorMessage(error) + id, ...inner.map((each) => each ? describe(each) : "")].join(" ");
}
