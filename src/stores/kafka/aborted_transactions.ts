/**
 * Which batches of an answer belong to transactions that were given up. Brokers send those too, with
 * the list of them. The client leaves out what it can tell by one answer alone, which is not all: of a
 * producer's several transactions only the last, and none whose end lies beyond the answer.
 */
import type { Buffer } from "node:buffer";

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** The part of a batch that says what it belongs to. */
export interface BatchHead {
  readonly firstOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly attributes: number;
  readonly producerId: bigint;
  readonly records: readonly { readonly key: Buffer | null }[];
}

const IS_TRANSACTIONAL = 1 << 4;
/** It marks the end of a transaction, and holds nothing else. */
const IS_CONTROL = 1 << 5;
/** In the key of such a mark: its kind, where 0 says that the transaction was given up. */
const KIND_AT = 2;
const GIVEN_UP = 0;

export class AbortedTransactions {
  readonly #ahead: AbortedTransaction[];
  /** The producers in the middle of a transaction that will be given up. */
  readonly #open = new Set<bigint>();

  /** @param list of one partition of one answer */
  constructor(list: readonly AbortedTransaction[] | null) {
    this.#ahead = [...list ?? []].sort((a, b) => Number(b.firstOffset - a.firstOffset));
  }

  /** Whether a batch holds nothing that counts. Batches are asked about in their order. */
  passesOver(batch: BatchHead): boolean {
    const { firstOffset, lastOffsetDelta, attributes, producerId, records } = batch;
    const last = firstOffset + BigInt(lastOffsetDelta);
    for (let next = this.#ahead.at(-1); next && next.firstOffset <= last;) {
      this.#open.add(next.producerId);
      this.#ahead.pop();
      next = this.#ahead.at(-1);
    }
    if ((attributes & IS_CONTROL) !== 0) {
      if (records[0]?.key?.readInt16BE(KIND_AT) === GIVEN_UP) this.#open.delete(producerId);
      return true;
    }
    return (attributes & IS_TRANSACTIONAL) !== 0 && this.#open.has(producerId);
  }
}
