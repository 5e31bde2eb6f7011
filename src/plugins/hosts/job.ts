/** Events of one config on their way through a plugin host, and what came back so far. */
import {
  type EventResult,
  MAX_EVENT_GROWTH_BYTES,
  MAX_FRAME_GROWTH_BYTES,
  type PluginError,
  ResultStatus,
} from "../../../plugins_runtime/frames.ts";
import { here } from "../../telemetry/tracing.ts";

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/** A message and a stack, each character of which may take six. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Crashes within one job after which its other events pass the plugin by. */
const MAX_STRIKES = 3;

export class Job {
  readonly id: number;
  readonly configId: number;
  readonly texts: readonly Uint8Array[];
  readonly bytes: number;
  /** Of the monotonic clock: when it came, and when it was last given to the process. */
  readonly addedAt = performance.now();
  sentAt = 0;
  /** Where it was asked for. */
  readonly place = here();
  /** Crashes that this job was the first in line for. */
  strikes = 0;
  /** Events that failed in the plugin. */
  failed = 0;
  /** Whether a call into the plugin did not come to an end. */
  hasTimedOut = false;
  readonly #results: (EventResult | undefined)[];
  readonly #done: (results: EventResult[] | null) => void;
  #missing: number;
  /** Bytes that the events have more than they had. */
  #growth = 0;
  #isHandedOn = false;

  /** @param done called once, with a result for every text, in order; with null where it was withdrawn */
  constructor(
    id: number,
    configId: number,
    texts: readonly Uint8Array[],
    done: (results: EventResult[] | null) => void,
  ) {
    this.id = id;
    this.configId = configId;
    this.texts = texts;
    this.bytes = texts.reduce((sum, text) => sum + text.byteLength, 0);
    this.#results = new Array<EventResult | undefined>(texts.length).fill(undefined);
    this.#missing = texts.length;
    this.#done = done;
  }

  /** Whether nobody waits for it any more, though the process may still be at it. */
  get isHandedOn(): boolean {
    return this.#isHandedOn;
  }

  get isComplete(): boolean {
    return this.#missing === 0;
  }

  /** The first event without a result. */
  get firstMissing(): number {
    return this.#results.findIndex((result) => result === undefined);
  }

  /** Takes a result; false where it is not for an event that waits for one. */
  take(result: EventResult): boolean {
    const { index } = result;
    if (index >= this.texts.length || this.#results[index] !== undefined) return false;
    this.#results[index] = this.#bounded(result);
    this.#missing--;
    if (result.status === ResultStatus.TimedOut) this.hasTimedOut = true;
    if (result.status === ResultStatus.Failed || result.status === ResultStatus.TimedOut) {
      this.failed++;
    }
    return true;
  }

  /** What may be believed of it: an error of a plugin's text, or an event, can be of any size. */
  #bounded(result: EventResult): EventResult {
    const { index, status, text } = result;
    if (status === ResultStatus.Failed || status === ResultStatus.TimedOut) {
      if (text.byteLength <= MAX_ERROR_BYTES) return result;
      return { ...failure(index, { message: "an error that is too long" }), status };
    }
    const growth = text.byteLength - (this.texts[index]?.byteLength ?? 0);
    if (growth > 0) this.#growth += growth;
    if (growth <= MAX_EVENT_GROWTH_BYTES && this.#growth <= MAX_FRAME_GROWTH_BYTES) return result;
    return failure(index, { message: `the returned event has ${text.byteLength} bytes` });
  }

  /**
   * Marks who is to blame for a crash: the event that was alone in the process, or, after several,
   * everything that is left. Returns the results it made.
   * @param alone index of the only event that the process had, if there was only one
   */
  blame(alone: number | null, error: PluginError): EventResult[] {
    this.strikes++;
    const culprit = alone ?? (this.texts.length === 1 ? 0 : null);
    const blamed = this.strikes > MAX_STRIKES
      ? this.#missingIndices()
      : culprit === null
      ? []
      : [culprit];
    return blamed.map((index) => failure(index, error)).filter((result) => this.take(result));
  }

  /** Hands the results on, once; events without one get this. */
  finish(rest: (index: number) => EventResult = passedBy): void {
    if (this.#isHandedOn) return;
    this.#isHandedOn = true;
    this.#done(Array.from(this.#results, (result, index) => result ?? rest(index)));
  }

  /** Gives the events back without results, to be done elsewhere. */
  withdraw(): void {
    if (this.#isHandedOn) return;
    this.#isHandedOn = true;
    this.#done(null);
  }

  #missingIndices(): number[] {
    return this.#results.flatMap((result, index) => result === undefined ? [index] : []);
  }
}

/** The event goes on as it was, marked with the plugin's failure. */
export function failure(index: number, error: PluginError): EventResult {
  return { index, status: ResultStatus.Failed, text: encoder.encode(JSON.stringify(error)) };
}

/** No process says so: the one that had the event was ended before it said anything. */
export const UNFINISHED = -1;

/** The event is to be done again, by whoever comes after. */
export function unfinished(index: number): EventResult {
  return { index, status: UNFINISHED, text: NOTHING };
}

/** The event goes on as it was: the plugin had no say. */
export function passedBy(index: number): EventResult {
  return { index, status: ResultStatus.PassedBy, text: NOTHING };
}
