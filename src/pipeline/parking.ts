/** Puts events of slow lanes down where they cost no memory, in order, so that they can be acked. */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../telemetry/about.ts";
import { errorMessage } from "../errors.ts";
import type { RawEvent } from "../events/types.ts";
import { Backoff } from "./backoff.ts";
import { Wakeups } from "./wakeups.ts";

/** Events of one team that go together. */
export interface ParkedGroup {
  readonly teamId: number;
  readonly events: readonly RawEvent[];
}

/** Where parked events lie. */
export interface ParkingPlace {
  /** Resolves once all are durable, each team's behind what is parked of it. */
  append(groups: readonly ParkedGroup[]): Promise<void>;
}

interface Waiting {
  readonly group: ParkedGroup;
  readonly parked: () => void;
}

/** Events of one statement at most, about. */
const GROUP_EVENTS = 2_000;

/** One statement at a time, so that the order of calls is the order of the rows. */
export class Parking {
  readonly #place: ParkingPlace;
  readonly #log = getLogger(["paddock", "parking"]);
  readonly #stop = new AbortController();
  readonly #news = new Wakeups();
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;

  constructor(place: ParkingPlace) {
    this.#place = place;
  }

  /** @param parked called once the events are durable; never, where this is stopped before */
  park(group: ParkedGroup, parked: () => void): void {
    this.#waiting.push({ group, parked });
    this.#running ??= this.#run();
    this.#news.wake();
  }

  /** Finishes the statement in hand and does nothing more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(50, 2_000);
    while (!signal.aborted) {
      const next = this.#next();
      if (next.length === 0) {
        await this.#news.wait(signal);
        continue;
      }
      try {
        await this.#place.append(next.map(({ group }) => group));
        backoff.succeeded();
        this.#waiting = this.#waiting.slice(next.length);
        for (const { parked } of next) parked();
      } catch (error) {
        if (backoff.failures === 0) {
          aboutSeveral(this.#log, next.map(({ group: { teamId } }) => ({ teamId })))
            .warn`nothing can be parked: ${errorMessage(error)}`;
        }
        await backoff.failed(signal);
      }
    }
  }

  #next(): Waiting[] {
    let events = 0;
    const fits = this.#waiting.findIndex(({ group }) =>
      (events += group.events.length) > GROUP_EVENTS
    );
    return this.#waiting.slice(0, fits === -1 ? undefined : Math.max(fits, 1));
  }
}
