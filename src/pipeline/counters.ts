/** What the pipeline has done since it started, for health, metrics and the closing line. */
export class Counters {
  received = 0;
  stored = 0;
  /** Recognised as stored before. */
  repeated = 0;
  /** Dropped by a plugin. */
  dropped = 0;
  deadLettered = 0;
  /** Put aside because their team's plugins are slow; each is counted again when it is its turn. */
  parked = 0;
  /** Dead letters that the store refused; said in the log in full. */
  lost = 0;
  /** Why writers wait, or null. */
  storeUnavailable: string | null = null;
}
