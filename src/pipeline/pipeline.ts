/** The road of one batch: decode → transform → prepare → write → ack. */
import { getLogger } from "@logtape/logtape";
import { aboutEvent, aboutSeveral } from "../telemetry/about.ts";
import { errorMessage, PaddockError } from "../errors.ts";
import { outgoingEvent } from "../events/outgoing_event.ts";
import type { ReceivedBatch, ReceivedItem } from "../sources/source.ts";
import { NOBODY, type Observer } from "../telemetry/observer.ts";
import type { EventTap } from "../telemetry/event_tap.ts";
import { type BatchTrace, here, traceBatch } from "../telemetry/tracing.ts";
import { Backoff } from "./backoff.ts";
import { Counters } from "./counters.ts";
import { deadLetterOf, type DecodedEvent, decodeEvent } from "./decode.ts";
import type { EventStore } from "./event_store.ts";
import { EventToWrite, type Origin } from "./event_to_write.ts";
import { ageMs, InFlightBatch, isOwn, itemAt, rawEvents } from "./in_flight.ts";
import type { JobIntake } from "./job_intake.ts";
import { type LaneLoad, Lanes } from "./lanes.ts";
import { Parking, type ParkingPlace } from "./parking.ts";
import type { PluginChains } from "./plugin_chains.ts";
import type { DeliveryIntents } from "./plugin_hooks.ts";
import type { PluginRecords } from "./plugin_records.ts";
import { type DefinitionIndex, prepareEvent, type TeamRules } from "./prepare.ts";
import { Transform, type Transformed } from "./transform.ts";
import { Wakeups } from "./wakeups.ts";
import { type WriteItem, WriteQueue } from "./write_queue.ts";
import { Writer } from "./writer.ts";

/** What the pipeline asks about teams. */
export interface TeamLookup {
  /** Teams that do not exist are absent. Rejects with a retryable error when the store is away. */
  byIds(ids: readonly number[]): Promise<ReadonlyMap<number, TeamRules>>;
}

/** What the pipeline asks about actions. */
export interface ActionIntents {
  /** Whether the team has any. */
  isWatched(teamId: number): boolean;
}

export interface PipelineParts {
  readonly store: EventStore;
  readonly teams: TeamLookup;
  readonly chains: PluginChains;
  readonly deliveries: DeliveryIntents;
  readonly definitions: DefinitionIndex;
  readonly actions: ActionIntents;
  /** Null where there is no job queue: jobs become dead letters then. */
  readonly jobs: JobIntake | null;
  readonly observer?: Observer;
  /** Shows events as they come and as they leave. */
  readonly tap?: EventTap;
  /** What plugins said of a batch is durable before the batch is acknowledged. */
  readonly records?: PluginRecords;
  /** Where events of slow teams wait; null where they wait in memory. */
  readonly parking: ParkingPlace | null;
}

export interface PipelineOptions {
  /** Concurrent write transactions. */
  readonly writers: number;
  readonly writeBatchSize: number;
  /** In flight at most, over all sources. */
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** A single event above this becomes a dead letter. */
  readonly eventMaxBytes: number;
}

/** One decoded event and where it stands in its batch. */
interface Decoded extends DecodedEvent {
  readonly index: number;
}

type Place = Pick<Decoded, "index" | "claim">;

export class Pipeline {
  readonly counters = new Counters();
  readonly #parts: PipelineParts;
  readonly #options: PipelineOptions;
  readonly #queue = new WriteQueue();
  readonly #observer: Observer;
  readonly #onIllegalId = (id: string) => this.#observer.illegalDistinctId(id);
  /** Each team's way through its plugins. */
  readonly lanes: Lanes;
  readonly #parking: Parking | null;
  readonly #writers: Writer[];
  readonly #batches = new Set<InFlightBatch>();
  readonly #acks = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #log = getLogger(["paddock", "pipeline"]);
  #events = 0;
  #bytes = 0;
  /** When an event came to its end, or when there was none that could. */
  #movedAt = performance.now();
  readonly #roomMade = new Wakeups();

  constructor(parts: PipelineParts, options: PipelineOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#observer = parts.observer ?? NOBODY;
    this.#parking = parts.parking === null ? null : new Parking(parts.parking);
    this.lanes = new Lanes(new Transform(parts.chains), this.#parking, options.maxEvents);
    this.#writers = Array.from(
      { length: options.writers },
      () =>
        new Writer(this.#queue, parts.store, this.counters, {
          batchSize: options.writeBatchSize,
          observer: this.#observer,
        }),
    );
  }

  start(): void {
    for (const writer of this.#writers) writer.start();
    this.lanes.start();
  }

  /** Events and bytes that are in flight now. */
  get inFlight(): { readonly events: number; readonly bytes: number } {
    return { events: this.#events, bytes: this.#bytes };
  }

  /** Milliseconds for which no event in flight came to its end. */
  get idleMs(): number {
    return performance.now() - this.#movedAt;
  }

  /** How much more may be taken: zero or less means that the source has to wait. */
  get room(): { readonly items: number; readonly bytes: number } {
    return {
      items: this.#options.maxEvents - this.#events,
      bytes: this.#options.maxBytes - this.#bytes,
    };
  }

  /** Resolves when there is room for at least one more, or when `signal` fires. */
  async hasRoom(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (this.room.items <= 0 || this.room.bytes <= 0)) {
      await this.#roomMade.wait(signal);
    }
  }

  /**
   * Takes a batch in. Resolves when all of it is decoded and on its way, which keeps the order of
   * calls; the batch is acknowledged later, when every item is durable.
   */
  accept(source: string, batch: ReceivedBatch): Promise<void> {
    const trace = traceBatch(source, batch.items.length);
    return trace.run(() => this.#accept(source, batch, trace));
  }

  async #accept(source: string, batch: ReceivedBatch, trace: BatchTrace): Promise<void> {
    const { items } = batch;
    const began = performance.now();
    this.#observer.batchTaken(source, items.length, ageMs(items));
    const inFlight = new InFlightBatch(
      batch,
      (bytes) => this.#finished(bytes),
      (finished) => {
        const own = items.filter(isOwn).length;
        this.#observer.batchDone(source, items.length, performance.now() - began, own);
        trace.end();
        this.#acknowledge(finished);
      },
    );
    this.#batches.add(inFlight);
    this.counters.received += batch.items.length;
    if (this.#events === 0) this.#movedAt = performance.now();
    for (const item of batch.items) {
      this.#events++;
      this.#bytes += item.bytes;
    }
    const letters: WriteItem[] = [];
    const jobs: number[] = [];
    const byTeam = new Map<number, Decoded[]>();
    batch.items.forEach((item, index) => {
      try {
        if (item.kind === "event") {
          const decoded = decodeEvent(item.event, item.bytes, this.#options.eventMaxBytes);
          const entry = { ...decoded, index };
          const team = byTeam.get(item.event.teamId);
          if (team === undefined) byTeam.set(item.event.teamId, [entry]);
          else team.push(entry);
        } else if (item.kind === "job") {
          jobs.push(index);
        } else {
          letters.push(this.#letter(source, item, null, () => inFlight.finish(index)));
        }
      } catch (error) {
        letters.push(this.#letter(source, item, error, () => inFlight.finish(index)));
      }
    });
    if (letters.length > 0) this.#queue.push(letters);
    if (jobs.length > 0) this.#enqueue(source, inFlight, jobs);
    const teams = await this.#teams([...byTeam.keys()]);
    if (teams === null) return;
    for (const [teamId, events] of byTeam) {
      for (const ofServer of [false, true]) {
        const some = events.filter(({ index }) => isOwn(itemAt(inFlight, index)) === ofServer);
        if (some.length > 0) {
          this.#send(source, inFlight, teamId, teams.get(teamId), some, ofServer);
        }
      }
    }
  }

  /**
   * Lets what is in flight finish, at most `deadlineMs` and until `hurry` fires; then gives the rest
   * back to its source. Nothing may be accepted from here on.
   */
  async drain(deadlineMs: number, hurry: AbortSignal): Promise<void> {
    const end = performance.now() + deadlineMs;
    while (this.#batches.size > 0 && performance.now() < end && !hurry.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#stop.abort();
    this.lanes.stop();
    await Promise.all(this.#writers.map((writer) => writer.stop()));
    await this.#parking?.stop();
    await Promise.allSettled(this.#acks);
    // The newest first: each goes in front of what was given back before it.
    for (const inFlight of [...this.#batches].reverse()) {
      const unfinished = inFlight.unfinished();
      const places = unfinished.map((index) => ({ index }));
      const log = aboutSeveral(this.#log, rawEvents(inFlight, places));
      try {
        await inFlight.batch.release(unfinished);
        log.info`gave ${unfinished.length} unfinished messages back`;
      } catch (error) {
        const reason = errorMessage(error);
        log.warn`${unfinished.length} messages stay leased until they expire: ${reason}`;
      }
    }
    this.#batches.clear();
  }

  #send(
    source: string,
    inFlight: InFlightBatch,
    teamId: number,
    team: TeamRules | undefined,
    events: readonly Decoded[],
    ofServer: boolean,
  ): void {
    if (team === undefined) {
      const error = new PaddockError("PDK_TEAM_UNKNOWN", `there is no team ${teamId}`);
      this.#queue.push(
        events.map(({ index }) =>
          this.#letter(source, itemAt(inFlight, index), error, () => inFlight.finish(index))
        ),
      );
      return;
    }
    const origin = { source, inFlight, place: here(), observer: this.#observer, ofServer };
    const { tap } = this.#parts;
    if (tap?.isOpen) tap.pass({ name: "received" }, teamId, events.map(({ event }) => event));
    // What follows is remembered while the events wait: their places, not what is in them.
    const places = events.map(({ index, claim }) => ({ index, claim }));
    const load: LaneLoad = {
      teamId,
      raw: (offset, count) => rawEvents(inFlight, places.slice(offset, offset + count)),
      next: (results, offset) => {
        const items: WriteItem[] = [];
        if (tap?.isOpen) {
          const leaving = results.flatMap(({ event }) => event === null ? [] : [event]);
          tap.pass({ name: "leaves" }, teamId, leaving);
        }
        const dropped = results.filter(({ event }) => event === null).length;
        if (dropped > 0) this.#observer.dropped(source, dropped);
        results.forEach((result, position) => {
          const { index, claim } = places[offset + position] as Place;
          const item = this.#writeItem(origin, index, claim, result, team);
          if (item !== null) items.push(item);
        });
        this.#queue.push(items);
      },
      parked: (offset, count) => {
        this.counters.parked += count;
        for (const { index } of places.slice(offset, offset + count)) inFlight.finish(index);
      },
    };
    const entering = events.map(({ event }) => event);
    if (ofServer) load.next(entering.map((event) => ({ event, marks: null })), 0);
    else this.lanes.enter(load, entering, inFlight.batch.wasParked === true);
  }

  #writeItem(
    origin: Origin,
    index: number,
    claim: string,
    { event, marks }: Transformed,
    team: TeamRules,
  ): WriteItem | null {
    const { source, inFlight, ofServer } = origin;
    if (event === null) {
      this.counters.dropped++;
      inFlight.finish(index);
      return null;
    }
    try {
      const { definitions, actions, deliveries } = this.#parts;
      const prepared = prepareEvent(event, {
        claim,
        team,
        marks,
        deferredTo: ofServer ? [] : deliveries.deferredTo(event.team_id),
        onIllegalId: this.#onIllegalId,
        definitions,
        hasActions: actions.isWatched(event.team_id),
      });
      const isWanted = !ofServer && deliveries.isWanted(event.team_id, prepared.name);
      const outgoing = isWanted ? { outgoing: outgoingEvent(event, prepared.name) } : {};
      return new EventToWrite({ ...prepared, ...outgoing }, origin, index);
    } catch (error) {
      return this.#letter(source, itemAt(inFlight, index), error, () => inFlight.finish(index));
    }
  }

  /** Keeps jobs, however long their queue is away; events do not wait for it. */
  async #enqueue(
    source: string,
    inFlight: InFlightBatch,
    indices: readonly number[],
  ): Promise<void> {
    const items = indices.map((index) => inFlight.batch.items[index] as ReceivedItem);
    const jobs = items.flatMap((item) => item.kind === "job" ? [item.job] : []);
    const refusals = await this.#untilAnswered(
      "jobs cannot be kept",
      async () =>
        this.#parts.jobs === null
          ? jobs.map(({ type }) =>
            new PaddockError("PDK_JOB_UNSUPPORTED", `no queue for job '${type}'`)
          )
          : await this.#parts.jobs.enqueue(jobs),
    );
    refusals?.forEach((refusal, position) => {
      const index = indices[position] as number;
      const done = () => inFlight.finish(index);
      if (refusal === null) done();
      else this.#queue.push([this.#letter(source, items[position] as ReceivedItem, refusal, done)]);
    });
  }

  #letter(source: string, item: ReceivedItem, error: unknown, done: () => void): WriteItem {
    const letter = deadLetterOf(source, item, error);
    this.#observer.deadLettered(source, letter.code);
    aboutEvent(this.#log, { uuid: letter.eventUuid, teamId: letter.teamId })
      .warn`dead letter from ${source}: ${letter.code} ${letter.reason}`;
    return { work: { kind: "letter", letter }, done };
  }

  /** Waits for the store if it is away; null when stopped meanwhile. */
  #teams(ids: readonly number[]): Promise<ReadonlyMap<number, TeamRules> | null> {
    return this.#untilAnswered("teams cannot be read", () => this.#parts.teams.byIds(ids));
  }

  async #untilAnswered<T>(complaint: string, ask: () => Promise<T>): Promise<T | null> {
    const backoff = new Backoff(50, 5_000);
    while (!this.#stop.signal.aborted) {
      try {
        return await ask();
      } catch (error) {
        if (backoff.failures === 0) this.#log.warn`${complaint}: ${errorMessage(error)}`;
        await backoff.failed(this.#stop.signal);
      }
    }
    return null;
  }

  #finished(bytes: number): void {
    this.#events--;
    this.#bytes -= bytes;
    this.#movedAt = performance.now();
    this.#roomMade.wake();
  }

  #acknowledge(inFlight: InFlightBatch): void {
    const ack = (async () => {
      const backoff = new Backoff(50, 5_000);
      while (true) {
        try {
          await this.#parts.records?.settled();
          await inFlight.batch.ack();
          this.#batches.delete(inFlight);
          return;
        } catch (error) {
          // Left leased it would come back and be recognised; trying on spares that work.
          if (backoff.failures === 0) {
            aboutSeveral(this.#log, rawEvents(inFlight)).warn`ack failed: ${errorMessage(error)}`;
          }
          if (this.#stop.signal.aborted) return;
          await backoff.failed(this.#stop.signal);
        }
      }
    })();
    this.#acks.add(ack);
    ack.finally(() => this.#acks.delete(ack));
  }
}
