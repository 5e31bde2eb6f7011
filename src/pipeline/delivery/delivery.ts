/** One plugin config being told of stored events: what it has been given, and what it has done. */
import type { OutgoingEvent } from "../../events/outgoing_event.ts";

/** `hooks`: onEvent and onSnapshot. `export`: exportEvents, which waits in buffers. */
export type DeliveryKind = "hooks" | "export";

/** A row of the outbox, as far as it is the team's. */
export interface DeliveryRow {
  readonly id: bigint;
  readonly events: readonly OutgoingEvent[];
}

/** What the deliverer does with both kinds. */
export interface Delivery {
  readonly configId: number;
  readonly teamId: number;
  readonly kind: DeliveryKind;
  /** Rows up to here were given to it. */
  readonly fetched: bigint;
  /** Rows up to here are done for good. */
  readonly done: bigint;
  /** The last row of them in which there was something for the plugin. */
  readonly delivered: bigint;
  /** Events that it holds. */
  readonly bytes: number;
  /** Whether it may be given more. */
  readonly hasRoom: boolean;
  /** Takes rows, oldest first; all up to `until` that are the team's. */
  offer(rows: readonly DeliveryRow[], until: bigint): void;
  /** Takes and starts nothing more; waits so long for what is under way. What is left stays undone. */
  stop(patienceMs: number): Promise<void>;
}

/** An event in the hands of a delivery. */
export interface HeldEvent extends OutgoingEvent {
  /** Set on the last of its row: with it, everything up to there has been handed out. */
  readonly endsRow: bigint | null;
}

/** The rows' events, the last of each marked. */
export function heldEvents(
  rows: readonly DeliveryRow[],
  isWanted: (event: OutgoingEvent) => boolean,
): HeldEvent[] {
  return rows.flatMap(({ id, events }) => {
    const wanted = events.filter(isWanted);
    return wanted.map((event, index) => ({
      ...event,
      endsRow: index === wanted.length - 1 ? id : null,
    }));
  });
}

/**
 * Batches under way, which may end in any order: what is done is what lies before the first that is
 * not.
 */
export class Progress {
  readonly #batches: { readonly endsAt: bigint | null; isDone: boolean }[] = [];
  #done: bigint;
  #delivered = 0n;
  /** Everything up to here is done as soon as nothing is under way. */
  #idleAt: bigint;

  constructor(position: bigint) {
    this.#done = position;
    this.#idleAt = position;
  }

  get done(): bigint {
    return this.#done;
  }

  /** Of what is done, the last row that held events. */
  get delivered(): bigint {
    return this.#delivered;
  }

  /** Begins a batch of the next events. Returns what ends it. */
  begin(events: readonly HeldEvent[]): () => void {
    const endsAt = events.findLast((event) => event.endsRow !== null)?.endsRow ?? null;
    const batch = { endsAt, isDone: false };
    this.#batches.push(batch);
    return () => {
      batch.isDone = true;
      while (this.#batches[0]?.isDone) {
        const { endsAt: position } = this.#batches.shift() as { endsAt: bigint | null };
        if (position !== null) this.#done = this.#delivered = position;
      }
    };
  }

  /** Says up to where rows were given out, when nothing of them waits any more. */
  idle(position: bigint): void {
    this.#idleAt = position;
    if (this.#batches.length === 0) this.#done = this.#idleAt;
  }
}

/** What its events weigh. */
export function sizeOf(events: readonly OutgoingEvent[]): number {
  let bytes = 0;
  for (const { text } of events) bytes += text.byteLength;
  return bytes;
}
