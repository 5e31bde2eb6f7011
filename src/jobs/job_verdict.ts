/** What becomes of a job that was run. */
import type { HookOutcome } from "../pipeline/plugin_hooks.ts";
import { type RetryPolicy, waitSeconds } from "./job_settings.ts";

export type JobVerdict =
  | { readonly isDone: true }
  | {
    readonly isDone: false;
    readonly reason: string;
    readonly waitSeconds: number;
    /** Whether it was a try. */
    readonly isCounted: boolean;
    /** Only an operator tries it again. */
    readonly isDead: boolean;
  };

export const DONE: JobVerdict = { isDone: true };

/** A plugin that is not there now, or not ready, is looked for again after so long. */
const NOT_READY_SECONDS = 2;

/** What calling a plugin came to. @param waits how many waits this is the next of, from one */
export function verdictOf(outcome: HookOutcome, policy: RetryPolicy, waits: number): JobVerdict {
  switch (outcome.status) {
    case "done":
      return DONE;
    case "unavailable":
      return notReady(outcome.reason);
    case "crashed":
      return again(outcome.reason, waitSeconds(policy, waits));
    case "failed":
      return outcome.isRetryable
        ? again(outcome.error.message, waitSeconds(policy, waits))
        : failedFor(outcome.error.message);
  }
}

/** It is tried again after a wait, if it has tries left. */
export function again(reason: string, seconds: number): JobVerdict {
  return { isDone: false, reason, waitSeconds: seconds, isCounted: true, isDead: false };
}

/** It could not be tried, and comes again soon. */
export function notReady(reason: string): JobVerdict {
  return {
    isDone: false,
    reason,
    waitSeconds: NOT_READY_SECONDS,
    isCounted: false,
    isDead: false,
  };
}

/** It failed for good. */
export function failedFor(reason: string): JobVerdict {
  return { isDone: false, reason, waitSeconds: 0, isCounted: true, isDead: true };
}
