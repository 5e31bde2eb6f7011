/** How the server is, from what its parts say of themselves; asks no store. */
import { getLogger } from "@logtape/logtape";

/** What a part has to say. */
export interface WatchedPart {
  readonly name: string;
  /** Without it the server cannot do its work: `/_ready` says no. */
  readonly isNeeded: boolean;
  /** Why it is not well, or null. */
  unavailable(): string | null;
}

/** One part, as `/_ready` shows it. */
export interface PartHealth {
  readonly isWell: boolean;
  readonly isNeeded: boolean;
  /** ISO time since which it is well, or is not. */
  readonly since: string;
  /** Why it is not well. */
  readonly reason?: string;
}

export interface HealthReport {
  /** Every part that is needed is well: it answers, and makes progress. */
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, PartHealth>>;
}

/** How often parts are looked at, so that it is known since when they are as they are. */
const LOOK_MS = 1_000;

export class Health {
  readonly #parts: readonly WatchedPart[];
  readonly #known = new Map<WatchedPart, PartHealth>();
  readonly #log = getLogger(["paddock", "health"]);
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(parts: readonly WatchedPart[]) {
    this.#parts = parts;
  }

  start(): void {
    this.report();
    this.#timer = setInterval(() => this.report(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** How it is now. */
  report(): HealthReport {
    const parts = this.#parts.map((part) => [part.name, this.#look(part)] as const);
    return {
      ready: parts.every(([, { isWell, isNeeded }]) => isWell || !isNeeded),
      parts: Object.fromEntries(parts),
    };
  }

  #look(part: WatchedPart): PartHealth {
    const { name, isNeeded } = part;
    const reason = part.unavailable();
    const before = this.#known.get(part);
    const isWell = reason === null;
    if (before !== undefined && before.isWell !== isWell) {
      if (isWell) this.#log.info`${name} is well again`;
      else this.#log.warn`${name} is not well: ${reason}`;
    }
    const since = before?.isWell === isWell ? before.since : new Date().toISOString();
    const now = { isWell, isNeeded, since, ...(reason === null ? {} : { reason }) };
    this.#known.set(part, now);
    return now;
  }
}
