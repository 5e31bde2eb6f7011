import type { PaddockError } from "../errors.ts";
import type { PluginJob } from "../sources/source.ts";

/** Where jobs that arrive among the events are kept until they are run. */
export interface JobIntake {
  /**
   * Resolves once they are durable: for each null, or why it cannot be a job.
   * Rejects with a retryable error when the store is away; nothing was kept then.
   */
  enqueue(jobs: readonly PluginJob[]): Promise<(PaddockError | null)[]>;
}
