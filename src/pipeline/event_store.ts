import type { DeadLetter } from "../events/dead_letter.ts";
import type { PreparedEvent } from "../events/prepared_event.ts";

/** What one write did. */
export interface WriteReport {
  /** Events that were new. */
  readonly stored: number;
  /** Events recognised as stored before, and left alone. */
  readonly repeated: number;
}

/** Where prepared events become rows. */
export interface EventStore {
  /**
   * All of it or nothing, in the order given. Rejects with a transient error when doing the same
   * again can succeed, with any other when a row in it is refused.
   */
  write(
    events: readonly PreparedEvent[],
    letters: readonly DeadLetter[],
    /** Gives up on rows that somebody else holds sooner than otherwise. */
    isHasty?: boolean,
  ): Promise<WriteReport>;
  /** Whether doing the same again later can succeed. */
  isTransient(error: unknown): boolean;
  /** Whether it gave up on rows that somebody else holds. */
  isLocked(error: unknown): boolean;
}
