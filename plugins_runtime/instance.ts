/** One config's instance of the plugin: its setup, and its events. */
import { causedBy } from "./capture.ts";
import { flushFrames, fromBytes, toBytes } from "./channel.ts";
import type { Deadlines } from "./deadlines.ts";
import {
  type EventResult,
  MAX_EVENT_GROWTH_BYTES,
  type PluginError,
  ResultStatus,
} from "./frames.ts";
import { callHook, NOT_READY } from "./hook_call.ts";
import type { HookReport, HookRequest } from "./hook_frames.ts";
import type { PluginExports } from "./load.ts";
import type { Meta } from "./meta.ts";
import { readError } from "./plugin_error.ts";

// Captured before any plugin text.
const stringify = JSON.stringify;
const now = performance.now.bind(performance);
const EMPTY = new Uint8Array(0);

/** Results are sent on after so long, so that what is done is known if the plugin then hangs. */
const FLUSH_MS = 20;

/** After so many timeouts within one frame its other events pass the plugin by. */
const MAX_TIMEOUTS = 3;

type Event = Record<string, unknown>;
type Hook = (...args: unknown[]) => unknown;

export interface InstanceOptions {
  readonly pluginName: string;
  readonly taskTimeoutMs: number;
  readonly tasksPerWorker: number;
}

/** Thrown when a function of the plugin did not come to an end. */
class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

export class PluginInstance {
  readonly #exports: PluginExports;
  readonly #meta: Meta;
  readonly #options: InstanceOptions;
  readonly #deadlines: Deadlines;
  /** Null while it is not known; true once set up. */
  #ready = false;
  #setup: Promise<PluginError | null> | null = null;
  /** Frames of one config are worked off one after the other. */
  #tail: Promise<void> = Promise.resolve();
  /** Calls that are under way. */
  readonly #calls = new Set<Promise<HookReport>>();

  constructor(
    exports: PluginExports,
    meta: Meta,
    options: InstanceOptions,
    deadlines: Deadlines,
  ) {
    this.#exports = exports;
    this.#meta = meta;
    this.#options = options;
    this.#deadlines = deadlines;
  }

  /** Calls setupPlugin, if there is one. Resolves with its error, or null. */
  setup(): Promise<PluginError | null> {
    this.#setup = (async () => {
      const { setupPlugin } = this.#exports;
      try {
        if (typeof setupPlugin === "function") {
          await this.#limited("setupPlugin", () => (setupPlugin as Hook)(this.#meta));
        }
        this.#ready = true;
        return null;
      } catch (error) {
        return readError(error);
      }
    })();
    return this.#setup;
  }

  async teardown(): Promise<void> {
    const { teardownPlugin } = this.#exports;
    if (!this.#ready || typeof teardownPlugin !== "function") return;
    await this.#tail;
    await Promise.all(this.#calls);
    await this.#limited("teardownPlugin", () => (teardownPlugin as Hook)(this.#meta));
  }

  /** Runs a frame's events once earlier frames are through. `send` gets results as they come. */
  process(texts: readonly Uint8Array[], send: (results: EventResult[]) => void): void {
    const before = this.#tail;
    this.#tail = (async () => {
      await before;
      await this.#setup;
      try {
        await this.#process(texts, send);
      } catch (error) {
        // The server keeps what it has of these, and takes the first result of each event only.
        const read = readError(error);
        send(texts.map((_, index) => failure(index, read)));
      }
    })();
  }

  /** Calls a function of the plugin that does not change events. */
  async call(request: HookRequest, texts: readonly Uint8Array[]): Promise<HookReport> {
    await this.#setup;
    if (!this.#ready) return NOT_READY;
    const call = callHook(
      {
        exports: this.#exports,
        meta: this.#meta,
        pluginName: this.#options.pluginName,
        tasksPerWorker: this.#options.tasksPerWorker,
        limited: (name, run) => this.#limited(name, run),
      },
      request,
      texts,
    );
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  async #process(
    texts: readonly Uint8Array[],
    send: (results: EventResult[]) => void,
  ): Promise<void> {
    const { processEvent, processEventBatch } = this.#exports;
    if (!this.#ready) return send(allWith(texts, ResultStatus.PassedBy));
    if (typeof processEvent === "function") {
      await this.#each(texts, processEvent as Hook, send);
    } else if (typeof processEventBatch === "function") {
      send(await this.#batch(texts, processEventBatch as Hook));
    } else {
      send(allWith(texts, ResultStatus.PassedBy));
    }
  }

  /** `processEvent`, up to the allowed number at once; plain functions are called in a row. */
  async #each(
    texts: readonly Uint8Array[],
    hook: Hook,
    send: (results: EventResult[]) => void,
  ): Promise<void> {
    let gathered: EventResult[] = [];
    let flushed = now();
    let timeouts = 0;
    let next = 0;
    const run = async () => {
      while (next < texts.length) {
        const index = next++;
        const result = timeouts >= MAX_TIMEOUTS
          ? failure(index, { message: `passed by after ${MAX_TIMEOUTS} timeouts in a row` })
          : await this.#one(index, texts[index] as Uint8Array, hook);
        if (result === null) {
          timeouts++;
          gathered[gathered.length] = timedOut(index, this.#timeout("processEvent"));
        } else {
          gathered[gathered.length] = result;
        }
        if (now() - flushed > FLUSH_MS && next < texts.length) {
          send(gathered);
          flushFrames();
          gathered = [];
          flushed = now();
        }
      }
    };
    const tasks: Promise<void>[] = [];
    const count = Math.min(this.#options.tasksPerWorker, texts.length);
    for (let task = 0; task < count; task++) tasks[task] = run();
    for (let task = 0; task < count; task++) await tasks[task];
    send(gathered);
  }

  /** The result of one event; null where the plugin did not come to an end. */
  #one(
    index: number,
    text: Uint8Array,
    hook: Hook,
  ): EventResult | null | Promise<EventResult | null> {
    let event: Event;
    let returned: unknown;
    let original: Original;
    try {
      event = fromBytes(text) as Event;
      original = { teamId: event.team_id, uuid: event.uuid };
      returned = causedBy(event, () => hook(event, this.#meta));
      // A plain function has its result at once, and needs no timer: its deadline is the server's.
      if (!isThenable(returned)) return resultOf(index, text, original, returned);
    } catch (error) {
      return failure(index, readError(error));
    }
    return (async () => {
      try {
        const value = await this.#limited("processEvent", () => returned);
        return resultOf(index, text, original, value);
      } catch (error) {
        return error instanceof TimeoutError ? null : failure(index, readError(error));
      }
    })();
  }

  async #batch(texts: readonly Uint8Array[], hook: Hook): Promise<EventResult[]> {
    try {
      const events: Event[] = [];
      for (let i = 0; i < texts.length; i++) events[i] = fromBytes(texts[i] as Uint8Array) as Event;
      const originals = events.map(({ team_id: teamId, uuid }) => ({ teamId, uuid }));
      const returned = await this.#limited(
        "processEventBatch",
        () => causedBy(events[0] ?? {}, () => hook(events, this.#meta)),
      );
      return matched(texts, originals, returned);
    } catch (error) {
      if (error instanceof TimeoutError) return texts.map((_, index) => timedOut(index, error));
      const read = readError(error);
      return texts.map((_, index) => failure(index, read));
    }
  }

  /** Runs a function of the plugin against the clock. What loses goes on, but nobody waits for it. */
  #limited(name: string, run: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { taskTimeoutMs } = this.#options;
      const deadline = this.#deadlines.begin(
        taskTimeoutMs,
        () => reject(this.#timeout(name)),
      );
      const settle = <T>(end: (value: T) => void) => (value: T) => {
        this.#deadlines.end(deadline);
        end(value);
      };
      try {
        Promise.resolve(run()).then(settle(resolve), settle(reject));
      } catch (error) {
        settle(reject)(error);
      }
    });
  }

  #timeout(name: string): TimeoutError {
    const seconds = this.#options.taskTimeoutMs / 1000;
    return new TimeoutError(`Script execution timed out: ${name} ran for over ${seconds} seconds`);
  }
}

/** What a plugin may not change. */
interface Original {
  readonly teamId: unknown;
  readonly uuid: unknown;
}

function resultOf(
  index: number,
  text: Uint8Array,
  original: Original,
  returned: unknown,
): EventResult {
  try {
    if (!returned) return { index, status: ResultStatus.Dropped, text: EMPTY };
    if (typeof returned !== "object") {
      throw new TypeError(`processEvent returned a ${typeof returned}`);
    }
    const event = returned as Event;
    const changedTeam = event.team_id !== original.teamId;
    if (changedTeam) event.team_id = original.teamId;
    if (event.uuid !== original.uuid) event.uuid = original.uuid;
    const json = stringify(event);
    // A function's toJSON may make nothing of an object.
    if (typeof json !== "string") throw new TypeError("the returned event is not JSON");
    const bytes = toBytes(json);
    const most = text.byteLength + MAX_EVENT_GROWTH_BYTES;
    if (bytes.byteLength > most) {
      throw new RangeError(`the returned event has ${bytes.byteLength} bytes; at most ${most} may`);
    }
    if (changedTeam) return { index, status: ResultStatus.ChangedAndCorrected, text: bytes };
    return sameBytes(bytes, text)
      ? { index, status: ResultStatus.Unchanged, text: EMPTY }
      : { index, status: ResultStatus.Changed, text: bytes };
  } catch (error) {
    return failure(index, readError(error));
  }
}

/** The events of a batch to those that went in: by uuid, or by position where there is none. */
function matched(
  texts: readonly Uint8Array[],
  originals: readonly Original[],
  returned: unknown,
): EventResult[] {
  if (!Array.isArray(returned)) throw new TypeError("processEventBatch did not return a list");
  const places = new Map(originals.map(({ uuid }, index) => [uuid, index]));
  const byPosition = returned.length === originals.length;
  const given = new Set<number>();
  const results: EventResult[] = texts.map((_, index) => ({
    index,
    status: ResultStatus.Dropped,
    text: EMPTY,
  }));
  returned.forEach((event, position) => {
    if (!event) return;
    const uuid = (event as Event).uuid;
    const index = uuid === undefined && byPosition ? position : places.get(uuid);
    if (index === undefined) {
      throw new Error("processEventBatch returned an event that it was not given");
    }
    // The same event twice is one too many, whichever of the two was meant.
    if (given.has(index)) throw new Error("processEventBatch returned an event twice");
    given.add(index);
    const [text, original] = [texts[index] as Uint8Array, originals[index] as Original];
    results[index] = resultOf(index, text, original, event);
  });
  return results;
}

function failure(index: number, error: PluginError): EventResult {
  return { index, status: ResultStatus.Failed, text: toBytes(stringify(error)) };
}

function timedOut(index: number, error: TimeoutError): EventResult {
  return { ...failure(index, readError(error)), status: ResultStatus.TimedOut };
}

function allWith(texts: readonly Uint8Array[], status: ResultStatus): EventResult[] {
  return texts.map((_, index) => ({ index, status, text: EMPTY }));
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.byteLength !== other.byteLength) return false;
  for (let i = 0; i < one.byteLength; i++) if (one[i] !== other[i]) return false;
  return true;
}
