/** Events as they pass all servers, for those who watch them in a browser: the console's `tap`. */
import { getLogger } from "@logtape/logtape";
import { errorMessage, PaddockError } from "../errors.ts";
import type { PubSub } from "../stores/pubsub.ts";
import { changes } from "../plugins/trial/difference.ts";
import { TAP_CHANNEL, TAP_EXPIRES_MS, type TapLine } from "../telemetry/event_tap.ts";

/** A line as it is handed on. */
export interface TailLine extends TapLine {
  /** Ascending; what was handed on before is asked for by it. */
  readonly number: number;
  /** What a plugin changed in the event's properties. */
  readonly changes: readonly string[];
}

interface Tail {
  readonly lines: TailLine[];
  /** Properties of events that are with a plugin, by uuid. */
  readonly before: Map<string, string>;
  unsubscribe: () => Promise<void>;
  number: number;
  readAt: number;
  askedAt: number;
}

const MAX_TAILS = 20;
const KEPT = 500;
/** Lines a second, of each server. */
const MOST = 40;
const CHECK_MS = 5_000;

export class Tails {
  readonly #notifications: PubSub;
  readonly #tails = new Map<string, Promise<Tail>>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #log = getLogger(["paddock", "console"]);

  constructor(notifications: PubSub) {
    this.#notifications = notifications;
    this.#timer = setInterval(() => {
      this.#endUnread().catch((error) =>
        this.#log.debug`a tail was not ended: ${errorMessage(error)}`
      );
    }, CHECK_MS);
  }

  /**
   * Lines of a tail behind the one of that number. Asking begins a tail; one that nobody asks ends.
   * @param id a uuid, of whoever watches
   * @throws PaddockError PDK_USAGE where too many watch
   */
  async lines(id: string, team: number, after: number): Promise<readonly TailLine[]> {
    let begun = this.#tails.get(id);
    if (begun === undefined) {
      if (this.#tails.size >= MAX_TAILS) {
        throw new PaddockError("PDK_USAGE", `${MAX_TAILS} watch already; try again later`);
      }
      begun = this.#begin(id);
      this.#tails.set(id, begun);
      begun.catch(() => this.#tails.delete(id));
    }
    const tail = await begun;
    const now = performance.now();
    tail.readAt = now;
    if (now - tail.askedAt > TAP_EXPIRES_MS / 3) {
      tail.askedAt = now;
      await this.#notifications.publish(TAP_CHANNEL, JSON.stringify({ id, team, most: MOST }));
    }
    return tail.lines.filter(({ number }) => number > after);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#endUnread(Infinity);
  }

  async #begin(id: string): Promise<Tail> {
    const now = performance.now();
    const tail: Tail = {
      lines: [],
      before: new Map(),
      unsubscribe: () => Promise.resolve(),
      number: 0,
      readAt: now,
      askedAt: -Infinity,
    };
    tail.unsubscribe = await this.#notifications.subscribe(`${TAP_CHANNEL}_${id}`, (payload) => {
      // Word of a reconnect is empty.
      if (payload !== "") take(tail, JSON.parse(payload));
    });
    return tail;
  }

  async #endUnread(now = performance.now()): Promise<void> {
    for (const [id, begun] of this.#tails) {
      const tail = await begun.catch(() => null);
      if (tail === null || now - tail.readAt < TAP_EXPIRES_MS) continue;
      this.#tails.delete(id);
      await tail.unsubscribe();
    }
  }
}

function take(tail: Tail, line: TapLine): void {
  const { uuid, point, properties } = line;
  const before = tail.before.get(uuid);
  const isAfter = point.startsWith("after ");
  if (isAfter) tail.before.delete(uuid);
  else if (point.startsWith("before ") && tail.before.size < KEPT) {
    tail.before.set(uuid, properties);
  }
  const isWhole = isAfter && before !== undefined && line.outcome === "changed" && !line.isCut;
  tail.lines.push({
    ...line,
    number: ++tail.number,
    changes: isWhole ? differences(before, properties) : [],
  });
  if (tail.lines.length > KEPT) tail.lines.shift();
}

/** What was cut cannot be compared. */
function differences(before: string, after: string): string[] {
  try {
    return changes(JSON.parse(before), JSON.parse(after), "properties");
  } catch {
    return [];
  }
}
