/** How often jobs are tried, and how long they wait in between. */

export interface RetryPolicy {
  /** Tries at most. */
  readonly attempts: number;
  /** The first wait, in seconds; each is twice the one before. */
  readonly firstWaitSeconds: number;
}

export interface JobPolicies {
  /** Jobs of plugins; tried again when the plugin throws a RetryError or does not come to an end. */
  readonly plugin: RetryPolicy;
  /** Batches that were not exported. */
  readonly export: RetryPolicy;
}

/** No wait is longer than this. */
const LONGEST_WAIT_SECONDS = 100_000;

/** The wait after the `attempt`th try, counted from one. */
export function waitSeconds({ firstWaitSeconds }: RetryPolicy, attempt: number): number {
  return Math.min(firstWaitSeconds * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS);
}
