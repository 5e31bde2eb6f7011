/**
 * Each team's events on their way through its plugins, in order. A lane that does not keep up is
 * slow: what waits in it is parked, new events of the team wait behind that, and it fills up again
 * only as far as it has room. So it holds a small share of what may be in flight, and the rest is
 * there for the others.
 */
import { getLogger } from "@logtape/logtape";
import type { PluginEvent, RawEvent } from "../events/types.ts";
import { at, here, type TracePlace } from "../telemetry/tracing.ts";
import type { Parking } from "./parking.ts";
import type { PackedEvent, Transform, Transformed } from "./transform.ts";
import { Wakeups } from "./wakeups.ts";

/** Events of one team that enter its lane together, and whom to tell of each. */
export interface LaneLoad {
  readonly teamId: number;
  /** As they came: so many from `offset` on. */
  raw(offset: number, count: number): RawEvent[];
  /** They are through; `results` begin at `offset`. Must not throw. */
  next(results: readonly Transformed[], offset: number): void;
  /** So many from `offset` on are durable elsewhere, and come again when it is their turn. */
  parked(offset: number, count: number): void;
}

interface Frame {
  readonly load: LaneLoad;
  readonly offset: number;
  readonly count: number;
  readonly events: readonly PackedEvent[];
  readonly since: number;
  readonly place: TracePlace;
}

interface Lane {
  readonly teamId: number;
  /** Not given to the plugins yet; those of a slow lane were parked before. */
  waiting: Frame[];
  /** Events with the plugins, or done and waiting for an earlier frame. */
  active: number;
  /** Settles when everything that was started has been handed on. */
  tail: Promise<void>;
  isSlow: boolean;
  /** How often something was parked, and how much of that is not durable yet. */
  serial: number;
  parking: number;
}

/** Events in one frame at most, so that a long batch flows through a chain in several places. */
const FRAME_EVENTS = 100;
/** A slow lane gives its plugins so many at most. */
const SLOW_EVENTS = 250;
/** Waiting for longer makes a lane slow: while others have events, and where it is alone. */
const PATIENCE_MS = 300;
const PATIENCE_ALONE_MS = 2_000;
/** Another team's event within this time means that a team is not alone. */
const COMPANY_MS = 10_000;
const WATCH_MS = 100;

export class Lanes {
  readonly #transform: Transform;
  readonly #parking: Parking | null;
  readonly #maxEvents: number;
  readonly #lanes = new Map<number, Lane>();
  readonly #changes = new Wakeups();
  readonly #log = getLogger(["paddock", "lanes"]);
  #slowLanes = 0;
  #isStopped = false;
  #watch: ReturnType<typeof setInterval> | undefined;
  #lastTeam: number | null = null;
  #companyUntil = 0;

  /**
   * @param parking null where nothing can be parked: then a lane holds what it is given
   * @param maxEvents what may be in flight, of all teams together
   */
  constructor(transform: Transform, parking: Parking | null, maxEvents: number) {
    this.#transform = transform;
    this.#parking = parking;
    this.#maxEvents = maxEvents;
  }

  start(): void {
    if (this.#parking === null) return;
    this.#watch = setInterval(() => this.#findSlow(performance.now()), WATCH_MS);
  }

  /** Gives the plugins nothing more. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#watch);
  }

  /**
   * Where no plugin is in the way, `load.next` is called before this returns.
   * @param wasParked whether it is their turn now, so that they are not parked again
   */
  enter(load: LaneLoad, events: readonly PluginEvent[], wasParked: boolean): void {
    const { teamId } = load;
    const now = performance.now();
    if (this.#lastTeam !== null && this.#lastTeam !== teamId) {
      this.#companyUntil = now + COMPANY_MS;
    }
    this.#lastTeam = teamId;
    if (!this.#lanes.has(teamId) && !this.#transform.has(teamId)) {
      load.next(events.map((event) => ({ event, marks: null })), 0);
      return;
    }
    const lane = this.#lane(teamId);
    for (let offset = 0; offset < events.length; offset += FRAME_EVENTS) {
      const count = Math.min(FRAME_EVENTS, events.length - offset);
      if (lane.isSlow && !wasParked) {
        this.#park(lane, { load, offset, count });
        continue;
      }
      const packed = this.#transform.pack(events.slice(offset, offset + count));
      lane.waiting.push({ load, offset, count, events: packed, since: now, place: here() });
    }
    this.#pump(lane);
  }

  /** For how many more parked events each slow lane has room; lanes without any are left out. */
  room(): Map<number, number> {
    const room = new Map<number, number>();
    for (const lane of this.#lanes.values()) {
      const events = lane.isSlow ? this.#window(lane) - lane.active - waitingEvents(lane) : 0;
      if (events > 0) room.set(lane.teamId, events);
    }
    return room;
  }

  /** These teams have parked events, by whomever: what comes new waits behind those. */
  slowDown(teamIds: readonly number[]): void {
    for (const teamId of teamIds) this.#slowDown(this.#lane(teamId));
  }

  /** A number that grows with everything that is parked of the team from here on. */
  serial(teamId: number): number {
    return this.#lanes.get(teamId)?.serial ?? 0;
  }

  /** Nothing of the team was parked any more when it was asked for, at this serial. */
  drained(teamId: number, serial: number): void {
    const lane = this.#lanes.get(teamId);
    if (lane === undefined || !lane.isSlow || lane.serial !== serial || lane.parking > 0) return;
    lane.isSlow = false;
    this.#slowLanes--;
    if (serial > 0) {
      this.#log.with({ team: teamId })
        .info`team ${teamId} keeps up again: nothing of it is parked any more`;
    }
    this.#forgetIdle(lane);
  }

  /** Resolves when there may be more room or more to fill it with, or when `signal` fires. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#changes.wait(signal);
  }

  #lane(teamId: number): Lane {
    let lane = this.#lanes.get(teamId);
    if (lane === undefined) {
      const tail = Promise.resolve();
      lane = { teamId, waiting: [], active: 0, tail, isSlow: false, serial: 0, parking: 0 };
      this.#lanes.set(teamId, lane);
    }
    return lane;
  }

  /** How many events a lane may have with its plugins. */
  #window(lane: Lane): number {
    if (this.#parking === null) return Infinity;
    if (!lane.isSlow) {
      return Math.max(
        FRAME_EVENTS,
        this.#maxEvents / (performance.now() < this.#companyUntil ? 4 : 2),
      );
    }
    // All slow lanes together leave half of the room to the others.
    return Math.max(1, Math.min(SLOW_EVENTS, Math.floor(this.#maxEvents / 2 / this.#slowLanes)));
  }

  #pump(lane: Lane): void {
    if (this.#isStopped) return;
    while (lane.waiting.length > 0 && lane.active < this.#window(lane)) {
      this.#send(lane, lane.waiting.shift() as Frame);
    }
  }

  #send(lane: Lane, { load, offset, count, events, place }: Frame): void {
    lane.active += count;
    // Started before the earlier frame is through: the chain keeps order per plugin by itself.
    const started = at(place, () => this.#transform.run(lane.teamId, events));
    const before = lane.tail;
    lane.tail = (async () => {
      const results = await started;
      await before;
      load.next(results, offset);
      lane.active -= count;
      this.#pump(lane);
      if (lane.isSlow) this.#changes.wake();
      else this.#forgetIdle(lane);
    })();
  }

  #findSlow(now: number): void {
    const patience = now < this.#companyUntil ? PATIENCE_MS : PATIENCE_ALONE_MS;
    for (const lane of this.#lanes.values()) {
      const [first] = lane.waiting;
      if (lane.isSlow || first === undefined || now - first.since < patience) continue;
      this.#log.with({ team: lane.teamId })
        .warn`team ${lane.teamId} has slow plugins: its events are parked in Postgres until they have room`;
      this.#slowDown(lane);
    }
  }

  #slowDown(lane: Lane): void {
    if (lane.isSlow) return;
    lane.isSlow = true;
    this.#slowLanes++;
    for (const frame of lane.waiting.splice(0)) this.#park(lane, frame);
    this.#changes.wake();
  }

  #park(lane: Lane, { load, offset, count }: Pick<Frame, "load" | "offset" | "count">): void {
    lane.serial++;
    lane.parking++;
    const events = load.raw(offset, count);
    this.#parking?.park({ teamId: lane.teamId, events }, () => {
      lane.parking--;
      load.parked(offset, count);
      this.#changes.wake();
    });
  }

  #forgetIdle(lane: Lane): void {
    const isIdle = lane.active === 0 && lane.waiting.length === 0 && lane.parking === 0;
    if (isIdle && !lane.isSlow) this.#lanes.delete(lane.teamId);
  }
}

function waitingEvents(lane: Lane): number {
  return lane.waiting.reduce((sum, { count }) => sum + count, 0);
}
