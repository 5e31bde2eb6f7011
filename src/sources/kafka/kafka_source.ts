/** Events out of a Kafka topic, as a member of a consumer group. */
import { getLogger } from "@logtape/logtape";
import { errorMessage, type PaddockError } from "../../errors.ts";
import type { GroupMemberEvents } from "../../stores/kafka/group_member.ts";
import type { KafkaRecord } from "../../stores/kafka/partition_reader.ts";
import type { ReceivedBatch, ReceivedItem, Source, TakeLimit } from "../source.ts";
import { parseRecord } from "./message.ts";
import { Progress } from "./progress.ts";

/** What this source needs of the client; see `src/stores/kafka/group_member.ts`. */
export interface Membership {
  start(): Promise<void>;
  pause(): void;
  resume(): void;
  commit(positions: ReadonlyMap<number, bigint>): Promise<void>;
  ends(): Promise<ReadonlyMap<number, bigint>>;
  stop(): Promise<void>;
}

export interface KafkaSourceOptions {
  readonly topic: string;
  /** How long partitions are held back from other members to finish what was taken. */
  readonly drainMs: number;
  /** Records held in memory before the flow is stopped. */
  readonly maxBuffered: number;
  readonly maxBufferedBytes: number;
}

/** A take that finds nothing gives up after so long. */
const TAKE_MS = 5_000;
/** A start waits so long for partitions; longer than a group takes that agrees at once. */
const JOIN_MS = 5_000;
const LOOK_MS = 20;

export class KafkaSource implements Source {
  readonly name: string;
  readonly #options: KafkaSourceOptions;
  readonly #member: Membership;
  readonly #log = getLogger(["paddock", "kafka"]);
  #progress = new Progress(new Map());
  #buffer: KafkaRecord[] = [];
  #bufferedBytes = 0;
  #isPaused = false;
  /** Whether partitions are assigned (none of them, perhaps). */
  #isAssigned = false;
  #isRevoking = false;
  #failure: PaddockError | null = null;
  #committing: Promise<void> | null = null;
  #wake: () => void = () => {};

  /** @param join makes the member, given whom it is to tell */
  constructor(join: (events: GroupMemberEvents) => Membership, options: KafkaSourceOptions) {
    this.name = `kafka:${options.topic}`;
    this.#options = options;
    this.#member = join({
      onRecord: (record) => this.#received(record),
      onRevoke: () => this.#revoke(),
      onAssigned: (starts) => this.#assigned(starts),
      onFailure: (error) => this.#failed(error),
    });
  }

  /** Joins the group. Brokers that are away do not keep a server from starting. */
  async open(): Promise<void> {
    await this.#member.start();
    const end = performance.now() + JOIN_MS;
    while (!this.#isAssigned && this.#failure === null && performance.now() < end) {
      await pause(LOOK_MS);
    }
  }

  async take(limit: TakeLimit, signal: AbortSignal): Promise<ReceivedBatch | null> {
    const end = performance.now() + TAKE_MS;
    while (this.#buffer.length === 0 || this.#isRevoking) {
      if (this.#failure !== null) throw this.#failure;
      const left = end - performance.now();
      if (signal.aborted || left <= 0) return null;
      await this.#news(left, signal);
    }
    const records = this.#cut(limit);
    const progress = this.#progress;
    for (const { partition, offset } of records) progress.take(partition, offset);
    const items: ReceivedItem[] = records.map((record) => parseRecord(this.#options.topic, record));
    return {
      items,
      ack: () => this.#finish(progress, records),
      release: (unfinished) => {
        const left = new Set(unfinished);
        return this.#finish(progress, records.filter((_, index) => !left.has(index)));
      },
    };
  }

  async depth(): Promise<number> {
    return this.#progress.waiting(await this.#member.ends());
  }

  async close(): Promise<void> {
    await this.#committing;
    await this.#member.stop();
  }

  #cut(limit: TakeLimit): KafkaRecord[] {
    let count = 0;
    let bytes = 0;
    for (; count < this.#buffer.length && count < limit.items; count++) {
      const size = this.#buffer[count]?.value?.byteLength ?? 0;
      if (count > 0 && bytes + size > limit.bytes) break;
      bytes += size;
    }
    const records = this.#buffer.splice(0, count);
    this.#bufferedBytes -= bytes;
    const { maxBuffered, maxBufferedBytes } = this.#options;
    const isLow = this.#buffer.length < maxBuffered / 2 &&
      this.#bufferedBytes < maxBufferedBytes / 2;
    if (this.#isPaused && isLow) {
      this.#isPaused = false;
      this.#member.resume();
    }
    return records;
  }

  /** Nothing is lost where this fails: what was not committed comes again and is recognised. */
  async #finish(progress: Progress, records: readonly KafkaRecord[]): Promise<void> {
    progress.done(records);
    // Partitions that moved on meanwhile are others' to commit.
    if (progress !== this.#progress) return;
    await this.#committing?.catch(() => {});
    await (this.#committing ??= this.#commit(progress).finally(() => this.#committing = null));
  }

  async #commit(progress: Progress): Promise<void> {
    const positions = progress.uncommitted();
    if (positions.size === 0 || progress !== this.#progress) return;
    await this.#member.commit(positions);
    progress.committed(positions);
  }

  #received(record: KafkaRecord): void {
    this.#buffer.push(record);
    this.#bufferedBytes += record.value?.byteLength ?? 0;
    const { maxBuffered, maxBufferedBytes } = this.#options;
    if (
      !this.#isPaused &&
      (this.#buffer.length >= maxBuffered || this.#bufferedBytes >= maxBufferedBytes)
    ) {
      this.#isPaused = true;
      this.#member.pause();
    }
    this.#wake();
  }

  /** Takes nothing more, and lets what was taken finish, so that nobody has to do it again. */
  async #revoke(): Promise<void> {
    this.#isRevoking = true;
    this.#discardBuffer();
    const progress = this.#progress;
    const end = performance.now() + this.#options.drainMs;
    while (progress.open > 0 && progress === this.#progress && performance.now() < end) {
      await pause(LOOK_MS);
    }
    if (progress.open > 0) {
      this.#log
        .info`${progress.open} messages are not done; whoever gets their partition does them`;
    }
    try {
      await this.#committing?.catch(() => {});
      await this.#commit(progress);
    } catch (error) {
      this.#log.warn`what is done was not committed: ${errorMessage(error)}`;
    }
  }

  #assigned(starts: ReadonlyMap<number, bigint>): void {
    this.#discardBuffer();
    this.#progress = new Progress(starts);
    if (this.#failure !== null) this.#log.info`${this.name} answers again`;
    this.#failure = null;
    this.#isAssigned = true;
    this.#isRevoking = false;
    this.#log.info`partitions: ${[...starts.keys()].join(", ") || "none"}`;
    this.#wake();
  }

  #failed(error: PaddockError): void {
    if (this.#failure === null) this.#log.warn`${this.name}: ${error.message}`;
    this.#failure = error;
    this.#isAssigned = false;
    this.#discardBuffer();
    this.#progress = new Progress(new Map());
    this.#wake();
  }

  #discardBuffer(): void {
    this.#buffer = [];
    this.#bufferedBytes = 0;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#member.resume();
  }

  /** Resolves when something changed, after `ms`, or when `signal` fires. */
  async #news(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, ms);
    const abort = () => resolve();
    signal.addEventListener("abort", abort);
    await promise;
    signal.removeEventListener("abort", abort);
    clearTimeout(timer);
    this.#wake = () => {};
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
