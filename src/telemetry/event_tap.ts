/**
 * Shows passing events to whoever asks for them (`paddock tap`), in bounded number. As long as nobody
 * does, a batch costs one look at `isOpen`.
 */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { JsonObject } from "../events/types.ts";

/** On which servers are asked; the answers come on a channel of the asker's own. */
export const TAP_CHANNEL = "paddock_tap";

/** Who asks has to ask again within this time, or is gone. */
export const TAP_EXPIRES_MS = 15_000;

/** What is asked for; what is left out does not matter. */
export interface TapRequest {
  readonly id: string;
  readonly team?: number;
  readonly event?: string;
  readonly distinctId?: string;
  /** Name of a plugin: only what it was given and what it made of that. */
  readonly plugin?: string;
  /** Share of the events, from 0 to 1: of one event everything is shown or nothing. */
  readonly sample?: number;
  /** Lines a second at most, of each server. */
  readonly most?: number;
}

/** One event at one point of its way. */
export interface TapLine {
  /** ISO time. */
  readonly at: string;
  /** `received`, `before <plugin>`, `after <plugin>`, or `leaves` where all plugins are through. */
  readonly point: string;
  /** What the plugin did with it. */
  readonly outcome?: "changed" | "unchanged" | "dropped" | "failed";
  readonly uuid: string;
  readonly team: number;
  readonly event: string;
  readonly distinctId: string;
  /** JSON text; cut where `isCut`. */
  readonly properties: string;
  readonly isCut?: true;
  /** Lines that were left out before this one: over the number a second. */
  readonly skipped?: number;
}

/** An event as it passes. */
export interface PassingEvent {
  readonly uuid: string;
  readonly event: string;
  readonly distinct_id: string;
  readonly properties?: JsonObject;
}

export interface TapPoint {
  readonly name: string;
  /** Of the plugin that is before or behind it. */
  readonly plugin?: string;
}

interface Listener {
  readonly request: TapRequest;
  until: number;
  second: number;
  inSecond: number;
  skipped: number;
}

/** What NOTIFY carries, less what is around the properties at most. */
const MAX_PROPERTIES = 5_000;
const MAX_NAME = 200;
const MOST = 50;
const MAX_LISTENERS = 10;
const FLUSH_MS = 100;

export class EventTap {
  readonly #send: (id: string, lines: readonly string[]) => Promise<void>;
  readonly #log = getLogger(["paddock", "tap"]);
  readonly #listeners = new Map<string, Listener>();
  readonly #gathered = new Map<string, string[]>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether anybody listens: to be asked before anything is put together for the tap. */
  isOpen = false;

  /** @param send hands lines to who asked; each is shorter than 8,000 bytes */
  constructor(send: (id: string, lines: readonly string[]) => Promise<void>) {
    this.#send = send;
  }

  /** Somebody asks, or asks again; what cannot be understood is ignored. */
  asked(payload: string): void {
    const request = readRequest(payload);
    if (request === null) return;
    const until = performance.now() + TAP_EXPIRES_MS;
    const known = this.#listeners.get(request.id);
    if (known !== undefined) known.until = until;
    else if (this.#listeners.size < MAX_LISTENERS) {
      const listener = { request, until, second: 0, inSecond: 0, skipped: 0 };
      this.#listeners.set(request.id, listener);
      this.isOpen = true;
    }
  }

  /** Events of a team pass a point. @param outcomes what a plugin did with each */
  pass(
    point: TapPoint,
    team: number,
    events: readonly PassingEvent[],
    outcomes: readonly TapLine["outcome"][] = [],
  ): void {
    const now = performance.now();
    for (const [id, listener] of this.#listeners) {
      if (now > listener.until) {
        this.#listeners.delete(id);
        this.isOpen = this.#listeners.size > 0;
        continue;
      }
      const { request } = listener;
      if (request.team !== undefined && request.team !== team) continue;
      if (request.plugin !== undefined && request.plugin !== point.plugin) continue;
      events.forEach((event, index) => {
        if (!matches(request, event) || !this.#hasRoom(listener, now)) return;
        this.#gather(id, lineOf(point, team, event, outcomes[index], listener));
      });
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#listeners.clear();
    this.isOpen = false;
  }

  #hasRoom(listener: Listener, now: number): boolean {
    const second = Math.floor(now / 1000);
    if (listener.second !== second) [listener.second, listener.inSecond] = [second, 0];
    if (listener.inSecond >= (listener.request.most ?? MOST)) {
      listener.skipped++;
      return false;
    }
    listener.inSecond++;
    return true;
  }

  #gather(id: string, line: TapLine): void {
    const lines = this.#gathered.get(id);
    if (lines === undefined) this.#gathered.set(id, [JSON.stringify(line)]);
    else lines.push(JSON.stringify(line));
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    for (const [id, lines] of this.#gathered) {
      this.#send(id, lines).catch((error) =>
        this.#log.debug`a tap was not told: ${errorMessage(error)}`
      );
    }
    this.#gathered.clear();
  }
}

function matches(request: TapRequest, event: PassingEvent): boolean {
  if (request.event !== undefined && request.event !== event.event) return false;
  if (request.distinctId !== undefined && request.distinctId !== event.distinct_id) return false;
  return request.sample === undefined || shareOf(event.uuid) < request.sample;
}

/** The same number from 0 to 1 for the same event, everywhere. */
function shareOf(uuid: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < uuid.length; index++) {
    hash = Math.imul(hash ^ uuid.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}

function lineOf(
  point: TapPoint,
  team: number,
  event: PassingEvent,
  outcome: TapLine["outcome"],
  listener: Listener,
): TapLine {
  const properties = JSON.stringify(event.properties ?? {});
  const { skipped } = listener;
  listener.skipped = 0;
  // A character is three bytes at most here, and two where JSON escapes it once more.
  const bytes = new TextEncoder().encode(JSON.stringify(properties)).byteLength;
  const isCut = bytes > MAX_PROPERTIES;
  return {
    at: new Date().toISOString(),
    point: point.name.slice(0, MAX_NAME),
    ...(outcome === undefined ? {} : { outcome }),
    uuid: event.uuid,
    team,
    event: event.event.slice(0, MAX_NAME),
    distinctId: event.distinct_id.slice(0, MAX_NAME),
    properties: isCut ? properties.slice(0, MAX_PROPERTIES / 6) : properties,
    ...(isCut ? { isCut: true as const } : {}),
    ...(skipped > 0 ? { skipped } : {}),
  };
}

function readRequest(payload: string): TapRequest | null {
  try {
    const request = JSON.parse(payload);
    return typeof request?.id === "string" && /^[0-9a-f-]{36}$/.test(request.id) ? request : null;
  } catch {
    return null;
  }
}
