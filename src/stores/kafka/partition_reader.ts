/**
 * Reads partitions from where each is, one request after the other. The client has a stream for that;
 * it makes half a dozen objects for each record, and ends at a batch that it cannot read.
 */
import { type BaseOptions, Consumer } from "@platformatic/kafka";
import { PaddockError } from "../../errors.ts";
import { AbortedTransactions } from "./aborted_transactions.ts";
import { lastOffsetOfBatch } from "./batch_end.ts";
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
/**
 * What cannot be read is not asked for often: each time costs the decompressors some memory. A lost
 * connection costs two tries, as the broker went on with a session that the client did not.
 */
const SOON = { retries: 2, retryDelay: 10 };

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
        if (unreadableReason(error) === null) throw error;
        await this.#readByBatches(topicId, node, partitions);
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
      for (
        const { partitionIndex: partition, records: batches, abortedTransactions } of partitions
      ) {
        const aborted = new AbortedTransactions(abortedTransactions);
        for (const batch of batches ?? []) {
          const { firstOffset, lastOffsetDelta, records, length } = batch;
          bytes += length;
          const position = this.#positions.get(partition) ?? 0n;
          this.#positions.set(partition, firstOffset + BigInt(lastOffsetDelta) + 1n);
          if (aborted.passesOver(batch)) continue;
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
        for (let bytes = 0; bytes < PARTITION_BYTES && !this.#ended;) {
          try {
            const read = this.#hand(
              await this.#fetch(client, topicId, node, [partition], ONE_BATCH),
            );
            if (read === 0) break;
            bytes += read;
          } catch (error) {
            const reason = unreadableReason(error);
            if (reason === null) throw error;
            await this.#passUnreadable(client, node, partition, reason);
          }
        }
      }
    } finally {
      await client.close(true).catch(() => {});
    }
  }

  async #passUnreadable(
    client: Consumer,
    node: number,
    partition: number,
    reason: string,
  ): Promise<void> {
    const { topic } = this.#options;
    const first = this.#positions.get(partition) ?? 0n;
    const { brokers } = await client.metadata({ topics: [topic] });
    const broker = brokers.get(node);
    if (broker === undefined) throw new Error(`there is no broker ${node} any more`);
    const place = { topic, partition, offset: first };
    const last = await lastOffsetOfBatch(this.#options.client, broker, place);
    if (this.#ended) return;
    if (last === null) throw new Error(`${reason}, and nothing is there`);
    this.#positions.set(partition, last + 1n);
    const unreadable = `the records from ${first} to ${last} cannot be read: ${reason}`;
    this.#events.onRecord({ partition, offset: last, key: null, value: null, unreadable });
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
