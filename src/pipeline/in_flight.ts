import type { RawEvent } from "../events/types.ts";
import type { ReceivedBatch, ReceivedItem } from "../sources/source.ts";

/** One taken batch until all its items are durable. */
export class InFlightBatch {
  readonly batch: ReceivedBatch;
  readonly #done: boolean[];
  readonly #onFinished: (batch: InFlightBatch) => void;
  readonly #onItem: (bytes: number) => void;
  #left: number;

  /**
   * @param onItem called for each item that became durable, with its size
   * @param onFinished called once, when the last one did
   */
  constructor(
    batch: ReceivedBatch,
    onItem: (bytes: number) => void,
    onFinished: (batch: InFlightBatch) => void,
  ) {
    this.batch = batch;
    this.#done = new Array<boolean>(batch.items.length).fill(false);
    this.#left = batch.items.length;
    this.#onItem = onItem;
    this.#onFinished = onFinished;
  }

  finish(index: number): void {
    if (this.#done[index] !== false) return;
    this.#done[index] = true;
    this.#left--;
    this.#onItem(this.batch.items[index]?.bytes ?? 0);
    if (this.#left === 0) this.#onFinished(this);
  }

  /** Indices that are not durable yet, ascending. */
  unfinished(): number[] {
    return this.#done.flatMap((done, index) => done ? [] : [index]);
  }
}

/** What stood at a place of the batch. */
export function itemAt({ batch }: InFlightBatch, index: number): ReceivedItem {
  return batch.items[index] as ReceivedItem;
}

/** How long ago the first event of a batch was received; 0 where that is not known. */
export function ageMs(items: readonly ReceivedItem[]): number {
  const [first] = items;
  const received = first?.kind === "event" ? Date.parse(first.event.now) : NaN;
  return Number.isNaN(received) ? 0 : Math.max(0, Date.now() - received);
}

/** Whether no plugin is told of it. */
export function isOwn(item: ReceivedItem): boolean {
  return item.kind === "event" && item.event.isOwn === true;
}

/** What stood at places of the batch, as it came; at all of them where none are said. */
export function rawEvents(
  inFlight: InFlightBatch,
  places?: readonly { readonly index: number }[],
): RawEvent[] {
  const items = places?.map(({ index }) => itemAt(inFlight, index)) ?? inFlight.batch.items;
  return items.flatMap((item) => item.kind === "event" ? [item.event] : []);
}
