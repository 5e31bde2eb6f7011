/** Keeps one plugin's jobs from filling the database. */
import { PaddockError } from "../errors.ts";
import type { ConfigJob, JobSink } from "./new_job.ts";

/** Who knows how many jobs wait. */
export interface WaitingJobs {
  /** Of one plugin config. */
  waiting(configId: number): Promise<number>;
}

/** A config's jobs are counted in the table once it has asked for so many more. */
const COUNT_AFTER = 1_000;
/** One that has too many is counted again after so long. */
const REFUSE_MS = 5_000;

interface Share {
  /** Asked for since they were counted. */
  added: number;
  refusedUntil: number;
}

/** Takes jobs for the queue as long as a plugin config has no more than it may. */
export class JobQuota implements JobSink {
  readonly #queue: JobSink & WaitingJobs;
  readonly #maxPerConfig: number;
  readonly #shares = new Map<number, Share>();

  constructor(queue: JobSink & WaitingJobs, maxPerConfig: number) {
    this.#queue = queue;
    this.#maxPerConfig = maxPerConfig;
  }

  /** @throws PaddockError PDK_JOB_INVALID where a config of them has too many jobs: none was kept */
  async enqueue(jobs: readonly ConfigJob[]): Promise<void> {
    const counts = new Map<number, number>();
    for (const { configId } of jobs) counts.set(configId, (counts.get(configId) ?? 0) + 1);
    for (const [configId, count] of counts) await this.#allow(configId, count);
    await this.#queue.enqueue(jobs);
  }

  async #allow(configId: number, count: number): Promise<void> {
    const share = this.#shares.get(configId) ?? { added: 0, refusedUntil: 0 };
    this.#shares.set(configId, share);
    const now = performance.now();
    if (now < share.refusedUntil) throw this.#tooMany();
    share.added += count;
    if (share.added < COUNT_AFTER) return;
    share.added = 0;
    if (await this.#queue.waiting(configId) + count <= this.#maxPerConfig) return;
    share.refusedUntil = now + REFUSE_MS;
    // Counted again with the first that is asked for afterwards.
    share.added = COUNT_AFTER;
    throw this.#tooMany();
  }

  #tooMany(): PaddockError {
    return new PaddockError(
      "PDK_JOB_INVALID",
      `over ${this.#maxPerConfig} jobs of the plugin wait already (JOB_MAX_PER_CONFIG)`,
    );
  }
}
