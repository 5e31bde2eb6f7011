/** How far the records of one assignment are done, partition by partition. */

interface Partition {
  /** Of records that were taken and are not acknowledged, ascending, and those done behind them. */
  readonly open: { readonly offset: bigint; done: boolean }[];
  /** What a commit may say: the offset of the first record that is not done. */
  position: bigint;
  /** The offset behind the last record that was taken. */
  next: bigint;
  committed: bigint;
}

/** One record that was taken. */
export interface Taken {
  readonly partition: number;
  readonly offset: bigint;
}

/**
 * Commits are contiguous: a record counts as done for the group only when all before it are, however
 * out of order they are finished.
 */
export class Progress {
  readonly #partitions = new Map<number, Partition>();
  #open = 0;

  /** @param starts where each partition goes on */
  constructor(starts: ReadonlyMap<number, bigint>) {
    for (const [partition, start] of starts) {
      this.#partitions.set(partition, {
        open: [],
        position: start,
        next: start,
        committed: start,
      });
    }
  }

  /** Records that were taken and are not done. */
  get open(): number {
    return this.#open;
  }

  /** Records are taken in the order of their offsets. */
  take(partition: number, offset: bigint): void {
    const entry = this.#partitions.get(partition);
    if (entry === undefined) return;
    // Between two records there may be none: offsets of a transaction's marks, or compacted away.
    if (entry.open.length === 0) entry.position = offset;
    entry.open.push({ offset, done: false });
    entry.next = offset + 1n;
    this.#open++;
  }

  done(records: readonly Taken[]): void {
    for (const { partition, offset } of records) {
      const entry = this.#partitions.get(partition);
      const record = entry?.open[indexOf(entry.open, offset)];
      if (entry === undefined || record === undefined || record.done) continue;
      record.done = true;
      this.#open--;
    }
    for (const entry of this.#partitions.values()) {
      let finished = 0;
      while (entry.open[finished]?.done === true) finished++;
      if (finished === 0) continue;
      entry.open.splice(0, finished);
      entry.position = entry.open[0]?.offset ?? entry.next;
    }
  }

  /** Positions that moved on since they were last committed. */
  uncommitted(): Map<number, bigint> {
    const moved = new Map<number, bigint>();
    for (const [partition, { position, committed }] of this.#partitions) {
      if (position > committed) moved.set(partition, position);
    }
    return moved;
  }

  committed(positions: ReadonlyMap<number, bigint>): void {
    for (const [partition, position] of positions) {
      const entry = this.#partitions.get(partition);
      if (entry !== undefined && position > entry.committed) entry.committed = position;
    }
  }

  /** The records that nobody has taken yet, given the ends of the partitions. */
  waiting(ends: ReadonlyMap<number, bigint>): number {
    let count = 0n;
    for (const [partition, { next }] of this.#partitions) {
      const end = ends.get(partition) ?? next;
      if (end > next) count += end - next;
    }
    return Number(count);
  }
}

/** By halving: a partition may have thousands open. */
function indexOf(open: readonly { readonly offset: bigint }[], offset: bigint): number {
  let [low, high] = [0, open.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((open[middle] as { offset: bigint }).offset < offset) low = middle + 1;
    else high = middle;
  }
  return open[low]?.offset === offset ? low : -1;
}
