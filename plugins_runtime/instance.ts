/** One config's instance of the plugin: its setup, and its events. */
import { causedBy } from "./capture.ts";
import type { ArrivingTexts } from "./arriving_texts.ts";
import { flushFrames, toText } from "./channel.ts";
import type { Deadlines } from "./deadlines.ts";
import {
  allFailed,
  allWith,
  failure,
  matched,
  type Original,
  resultOf,
  timedOut,
} from "./event_results.ts";
import { type PluginError, ResultStatus, type TextResult } from "./frames.ts";
import { callHook, NOT_READY } from "./hook_call.ts";
import type { HookReport, HookRequest } from "./hook_frames.ts";
import type { PluginExports } from "./load.ts";
import type { Meta } from "./meta.ts";
import { readError } from "./plugin_error.ts";

// Captured before any plugin text.
const parse = JSON.parse;
const NativePromise = Promise;
const now = performance.now.bind(performance);

/** Results are sent on after so long, so that what is done is known if the plugin then hangs. */
const FLUSH_MS = 20;

/**
 * And as soon as there is so much of them: the server reads on while the plugin works. Less than a
 * pipe holds, so that the plugin need not wait until it did.
 */
const FLUSH_LENGTH = 28 * 1024;

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
  process(texts: ArrivingTexts, send: (results: TextResult[]) => void): void {
    const before = this.#tail;
    this.#tail = (async () => {
      await before;
      await this.#setup;
      try {
        await this.#process(texts, send);
      } catch (error) {
        // The server keeps what it has of these, and takes the first result of each event only.
        const read = readError(error);
        send(allFailed(texts.total, read));
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
    texts: ArrivingTexts,
    send: (results: TextResult[]) => void,
  ): Promise<void> {
    const { processEvent, processEventBatch } = this.#exports;
    if (!this.#ready) return send(allWith(texts.total, ResultStatus.PassedBy));
    if (typeof processEvent === "function") {
      await this.#each(texts, processEvent as Hook, send);
    } else if (typeof processEventBatch === "function") {
      send(await this.#batch(await texts.all(), processEventBatch as Hook));
    } else {
      send(allWith(texts.total, ResultStatus.PassedBy));
    }
  }

  /** `processEvent`, up to the allowed number at once; plain functions are called in a row. */
  async #each(
    texts: ArrivingTexts,
    hook: Hook,
    send: (results: TextResult[]) => void,
  ): Promise<void> {
    let gathered: TextResult[] = [];
    let length = 0;
    let flushed = now();
    let timeouts = 0;
    let next = 0;
    const run = async () => {
      while (next < texts.total) {
        const text = texts.at(next);
        if (text === undefined) {
          await texts.more();
          continue;
        }
        const index = next++;
        const made = timeouts >= MAX_TIMEOUTS
          ? failure(index, { message: `passed by after ${MAX_TIMEOUTS} timeouts in a row` })
          : this.#one(index, text, hook);
        const result = made instanceof NativePromise ? await made : made;
        if (result.status === ResultStatus.TimedOut) timeouts++;
        gathered[gathered.length] = result;
        length += result.text.length;
        if (next === texts.total) return;
        if (length < FLUSH_LENGTH && now() - flushed < FLUSH_MS) continue;
        // What the plugin asked for meanwhile goes before the results: it waits for this turn's end.
        await null;
        if (gathered.length === 0) continue;
        send(gathered);
        flushFrames();
        [gathered, length, flushed] = [[], 0, now()];
      }
    };
    const tasks: Promise<void>[] = [];
    const count = Math.min(this.#options.tasksPerWorker, texts.total);
    for (let task = 0; task < count; task++) tasks[task] = run();
    for (let task = 0; task < count; task++) await tasks[task];
    send(gathered);
  }

  /** The result of one event: at once where the plugin's function is a plain one. */
  #one(index: number, bytes: Uint8Array, hook: Hook): TextResult | Promise<TextResult> {
    let original: Original;
    let returned: unknown;
    try {
      const text = toText(bytes);
      const event = parse(text) as Event;
      original = originalOf(text, event);
      returned = causedBy(event, () => hook(event, this.#meta));
      // A plain function needs no timer: its deadline is the server's.
      if (!isThenable(returned)) return resultOf(index, original, returned);
    } catch (error) {
      return failure(index, readError(error));
    }
    return (async () => {
      try {
        const value = await this.#limited("processEvent", () => returned);
        return resultOf(index, original, value);
      } catch (error) {
        return error instanceof TimeoutError
          ? timedOut(index, error)
          : failure(index, readError(error));
      }
    })();
  }

  async #batch(texts: readonly Uint8Array[], hook: Hook): Promise<TextResult[]> {
    try {
      const events: Event[] = [];
      const originals: Original[] = [];
      for (let i = 0; i < texts.length; i++) {
        const text = toText(texts[i] as Uint8Array);
        const event = events[i] = parse(text) as Event;
        originals[i] = originalOf(text, event);
      }
      const returned = await this.#limited(
        "processEventBatch",
        () => causedBy(events[0] ?? {}, () => hook(events, this.#meta)),
      );
      return matched(originals, returned);
    } catch (error) {
      if (error instanceof TimeoutError) return texts.map((_, index) => timedOut(index, error));
      return allFailed(texts.length, readError(error));
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

function originalOf(text: string, event: Event): Original {
  return { text, teamId: event.team_id, uuid: event.uuid };
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}
