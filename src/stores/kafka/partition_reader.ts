/**
 * Reads partitions from where each is, one request after the other. The client has a stream for that;
 * it makes half a dozen objects for each record, and ends at a batch that it cannot read.
 */
import { type BaseOptions, Consumer, findErrorBy } from "@platformatic/kafka";
import { PaddockError } from "../../errors.ts";
import { unreadableReason } from "./unreadable.ts";

/** One message as it lies in its partition. */
export interface KafkaRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Uint8Array | null;
  /** Null is a tombstone. */
  readonly value: Uint8Array | null;
  /** Why neither this record nor those that lie before it in its batch could be read. */
  readonly unreadable?: string;
}

export interface PartitionReaderOptions {
  readonly client: BaseOptions;
  readonly topic: string;
  /** Where a partition goes on whose records at its position are gone. */
  readonly startAt: "earliest" | "latest";
}

/** Whom a reader tells. */
export interface PartitionReaderEvents {
  /** The next record of a partition. */
  onRecord(record: KafkaRecord): void;
  /** Nothing comes any more. */
  onFailure(error: unknown): void;
}

type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;

const FETCH = { maxBytes: 10_485_760, maxWaitTime: 1_000 };
const PARTITION_BYTES = 1_048_576;
/** A broker sends one batch at least, however little is asked for. */
const ONE_BATCH = { maxBytes: 1, maxWaitTime: 1 };
/** What fails then fails again: it is only asked for where. */
const SOON = { retries: 1, retryDelay: 10 };
/** Of a batch's attributes: it marks the end of a transaction, and holds nothing. */
const IS_CONTROL = 1 << 5;

export class PartitionReader {
  readonly #options: PartitionReaderOptions;
  readonly #events: PartitionReaderEvents;
  /** The offset that each partition is to be asked for next. */
  readonly #positions: Map<number, bigint>;
  readonly #client: Consumer;
  #ended = false;
  #paused = false;
  #wake: (() => void)[] = [];

  /** @param starts where each partition goes on */
  constructor(
    options: PartitionReaderOptions,
    starts: ReadonlyMap<number, bigint>,
    events: PartitionReaderEvents,
  ) {
    this.#options = options;
    this.#events = events;
    this.#positions = new Map(starts);
    this.#client = this.#newClient({});
  }

  start(): void {
    this.#run().catch((error) => {
      if (!this.#ended) this.#events.onFailure(error);
    });
  }

  /** Asks for nothing more, until `resume`; what was asked for still comes. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wakeAll();
  }

  /** From now on nothing comes. */
  end(): void {
    this.#ended = true;
    this.#wakeAll();
    this.#client.close(true).catch(() => {});
  }

  async #run(): Promise<void> {
    const { topic } = this.#options;
    const metadata = await this.#client.metadata({ topics: [topic] });
    const found = metadata.topics.get(topic);
    if (found === undefined) throw noTopic(topic);
    const byLeader = Map.groupBy(
      this.#positions.keys(),
      (partition) => found.partitions[partition]?.leader ?? -1,
    );
    await Promise.all(
      [...byLeader].map(([node, partitions]) => this.#read(found.id, node, partitions)),
    );
  }

  async #read(topicId: string, node: number, partitions: readonly number[]): Promise<void> {
    while (!this.#ended) {
      if (this.#paused) {
        await new Promise<void>((resolve) => this.#wake.push(resolve));
        continue;
      }
      try {
        this.#hand(await this.#fetch(this.#client, topicId, node, partitions, FETCH));
      } catch (error) {
        if (this.#ended) return;
        if (unreadableReason(error) !== null) {
          await this.#readByBatches(topicId, node, partitions);
        } else if (findErrorBy(error as Error, "apiId", "OFFSET_OUT_OF_RANGE") !== null) {
          await this.#moveIntoRange(partitions);
        } else throw error;
      }
    }
  }

  #fetch(
    client: Consumer,
    topicId: string,
    node: number,
    partitions: readonly number[],
    limits: { readonly maxBytes: number; readonly maxWaitTime: number },
  ): Promise<FetchResponse> {
    return client.fetch({
      ...limits,
      node,
      topics: [{
        topicId,
        partitions: partitions.map((partition) => ({
          partition,
          fetchOffset: this.#positions.get(partition) ?? 0n,
          partitionMaxBytes: Math.min(PARTITION_BYTES, limits.maxBytes),
          currentLeaderEpoch: -1,
          lastFetchedEpoch: -1,
        })),
      }],
    });
  }

  /** @returns the bytes of the batches */
  #hand(response: FetchResponse): number {
    let bytes = 0;
    if (this.#ended) return bytes;
    for (const { partitions } of response.responses) {
      for (const { partitionIndex: partition, records: batches } of partitions) {
        for (const batch of batches ?? []) {
          const { firstOffset, lastOffsetDelta, attributes, records, length } = batch;
          bytes += length;
          const position = this.#positions.get(partition) ?? 0n;
          this.#positions.set(partition, firstOffset + BigInt(lastOffsetDelta) + 1n);
          if ((attributes & IS_CONTROL) !== 0) continue;
          for (const { offsetDelta, key, value } of records) {
            const offset = firstOffset + BigInt(offsetDelta);
            // A batch is sent whole, with what lies before the offset that was asked for.
            if (offset < position) continue;
            this.#events.onRecord({ partition, offset, key: key ?? null, value: value ?? null });
          }
        }
      }
    }
    return bytes;
  }

  /**
   * Something that a broker sent cannot be read, which spoils all that came with it: each partition
   * is read batch by batch, as far as that went, and moves on over what cannot be read, with one
   * record that says so.
   */
  async #readByBatches(
    topicId: string,
    node: number,
    partitions: readonly number[],
  ): Promise<void> {
    const client = this.#newClient(SOON);
    try {
      for (const partition of partitions) {
        const next = () => this.#fetch(client, topicId, node, [partition], ONE_BATCH);
        for (let bytes = 0; bytes < PARTITION_BYTES && !this.#ended;) {
          try {
            const read = this.#hand(await next());
            if (read === 0) break;
            bytes += read;
          } catch (error) {
            const reason = unreadableReason(error);
            if (reason === null) throw error;
            await this.#passUnreadable(partition, reason, next);
            break;
          }
        }
      }
    } finally {
      await client.close(true).catch(() => {});
    }
  }

  /** The client does not say how far a batch goes: its records are asked for one after the other. */
  async #passUnreadable(
    partition: number,
    reason: string,
    next: () => Promise<unknown>,
  ): Promise<void> {
    const first = this.#positions.get(partition) ?? 0n;
    let offset = first;
    while (!this.#ended) {
      this.#positions.set(partition, offset + 1n);
      try {
        await next();
        break;
      } catch (error) {
        if (unreadableReason(error) === null) throw error;
        offset++;
      }
    }
    if (this.#ended) return;
    const unreadable = `the records from ${first} to ${offset} cannot be read: ${reason}`;
    this.#events.onRecord({ partition, offset, key: null, value: null, unreadable });
  }

  /** Records may be gone before they were read, or a topic may have been made anew. */
  async #moveIntoRange(partitions: readonly number[]): Promise<void> {
    const ends = await this.#offsets(partitions, "latest");
    const begins = await this.#offsets(partitions, "earliest");
    for (const partition of partitions) {
      const [begin, end] = [begins[partition] ?? 0n, ends[partition] ?? 0n];
      const position = this.#positions.get(partition) ?? 0n;
      if (position >= begin && position <= end) continue;
      this.#positions.set(partition, this.#options.startAt === "earliest" ? begin : end);
    }
  }

  async #offsets(
    partitions: readonly number[],
    at: "earliest" | "latest",
  ): Promise<readonly bigint[]> {
    const { topic } = this.#options;
    const found = await this.#client.listOffsets({
      topics: [topic],
      partitions: { [topic]: [...partitions] },
      timestamp: at === "earliest" ? -2n : -1n,
    });
    return found.get(topic) ?? [];
  }

  /** A member of no group: requests that wait for records must not hold up heartbeats. */
  #newClient(over: Partial<BaseOptions>): Consumer {
    const client = new Consumer({ ...this.#options.client, ...over, groupId: "none" });
    client.on("error", () => {});
    client.topics.track(this.#options.topic);
    return client;
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

function noTopic(topic: string): PaddockError {
  return new PaddockError("PDK_KAFKA_TOPIC", `Kafka has no topic '${topic}'`);
}
