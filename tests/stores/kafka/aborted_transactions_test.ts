import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  AbortedTransactions,
  type BatchHead,
} from "../../../src/stores/kafka/aborted_transactions.ts";

const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;

function batch(producerId: number, first: number, count = 1, attributes = TRANSACTIONAL) {
  return {
    firstOffset: BigInt(first),
    lastOffsetDelta: count - 1,
    attributes,
    producerId: BigInt(producerId),
    records: [{ key: null }],
  };
}

/** The end of a transaction; its key is the format's version and its kind. */
const end = (producerId: number, at: number, kind: "abort" | "commit") => ({
  ...batch(producerId, at, 1, TRANSACTIONAL | CONTROL),
  records: [{ key: Buffer.from([0, 0, 0, kind === "abort" ? 0 : 1]) }],
});

const passed = (aborted: AbortedTransactions, batches: readonly BatchHead[]) =>
  batches.filter((each) => aborted.passesOver(each)).map(({ firstOffset }) => Number(firstOffset));

const transaction = (producerId: number, firstOffset: number) => ({
  producerId: BigInt(producerId),
  firstOffset: BigInt(firstOffset),
});

Deno.test("transactions of several producers lie across each other", () => {
  const aborted = new AbortedTransactions([transaction(7, 0), transaction(7, 6)]);
  const batches = [
    batch(7, 0, 2),
    batch(8, 2),
    batch(9, 3, 1, 0),
    end(7, 4, "abort"),
    batch(8, 5),
    batch(7, 6),
    end(8, 7, "commit"),
    end(7, 8, "abort"),
    batch(7, 9),
    end(7, 10, "commit"),
  ];
  assert.deepEqual(passed(aborted, batches), [0, 4, 6, 7, 8, 10]);
});

Deno.test("a transaction that began before an answer and ends after it is left out of all of it", () => {
  const aborted = new AbortedTransactions([transaction(7, 3)]);
  assert.deepEqual(passed(aborted, [batch(7, 100, 5), batch(7, 105, 5)]), [100, 105]);
  assert.deepEqual(passed(new AbortedTransactions(null), [batch(7, 110)]), []);
});
