import type { DeadLetter } from "../events/dead_letter.ts";
import type { PreparedEvent } from "../events/prepared_event.ts";
import type { Observer } from "../telemetry/observer.ts";
import type { TracePlace } from "../telemetry/tracing.ts";
import { deadLetterOf } from "./decode.ts";
import { type InFlightBatch, itemAt } from "./in_flight.ts";
import type { WriteItem } from "./write_queue.ts";

/** Where events of one team came from, together. */
export interface Origin {
  readonly source: string;
  readonly inFlight: InFlightBatch;
  readonly place: TracePlace;
  readonly observer: Observer;
  /** The server's own, which no plugin is told of. */
  readonly ofServer: boolean;
}

/**
 * A prepared event on its way to its row. It holds on to nothing of what the event was before, as
 * thousands wait for their transaction at a time and the garbage collector moves what they hold.
 */
export class EventToWrite implements WriteItem {
  readonly work: Extract<WriteItem["work"], { kind: "event" }>;
  readonly place: TracePlace;
  readonly #inFlight: InFlightBatch;
  readonly #index: number;

  constructor(event: PreparedEvent, origin: Origin, index: number) {
    this.work = { kind: "event", event, deadLetter: (error) => refused(origin, index, error) };
    this.place = origin.place;
    this.#inFlight = origin.inFlight;
    this.#index = index;
  }

  done(): void {
    this.#inFlight.finish(this.#index);
  }
}

function refused(
  { source, inFlight, observer }: Origin,
  index: number,
  error: unknown,
): DeadLetter {
  observer.deadLettered(source, "PDK_ROW_REFUSED");
  const letter = deadLetterOf(source, itemAt(inFlight, index), error);
  return { ...letter, step: "write", code: "PDK_ROW_REFUSED" };
}
