/** What a plugin made of events, as results for the server. */
import { toBytes } from "./channel.ts";
import {
  MAX_EVENT_GROWTH_BYTES,
  type PluginError,
  ResultStatus,
  type TextResult,
} from "./frames.ts";
import { readError } from "./plugin_error.ts";

// Captured before any plugin text.
const stringify = JSON.stringify;

/** Bytes that a unit of a text takes at most. */
const MOST_BYTES_PER_UNIT = 3;

type Event = Record<string, unknown>;

/** An event as it was given to the plugin, and what the plugin may not change of it. */
export interface Original {
  readonly text: string;
  readonly teamId: unknown;
  readonly uuid: unknown;
}

/** Never throws: what cannot be an event is a failure. */
export function resultOf(index: number, original: Original, returned: unknown): TextResult {
  try {
    if (!returned) return { index, status: ResultStatus.Dropped, text: "" };
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
    checkGrowth(json, original.text);
    if (changedTeam) return { index, status: ResultStatus.ChangedAndCorrected, text: json };
    return json === original.text
      ? { index, status: ResultStatus.Unchanged, text: "" }
      : { index, status: ResultStatus.Changed, text: json };
  } catch (error) {
    return failure(index, readError(error));
  }
}

/** Bytes are counted only where the length of the text leaves a doubt. */
function checkGrowth(json: string, before: string): void {
  if (json.length * MOST_BYTES_PER_UNIT <= before.length + MAX_EVENT_GROWTH_BYTES) return;
  const size = toBytes(json).byteLength;
  const most = toBytes(before).byteLength + MAX_EVENT_GROWTH_BYTES;
  if (size > most) {
    throw new RangeError(`the returned event has ${size} bytes; at most ${most} may`);
  }
}

/** The events of a batch to those that went in: by uuid, or by position where there is none. */
export function matched(originals: readonly Original[], returned: unknown): TextResult[] {
  if (!Array.isArray(returned)) throw new TypeError("processEventBatch did not return a list");
  const places = new Map(originals.map(({ uuid }, index) => [uuid, index]));
  const byPosition = returned.length === originals.length;
  const given = new Set<number>();
  const results = allWith(originals.length, ResultStatus.Dropped);
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
    results[index] = resultOf(index, originals[index] as Original, event);
  });
  return results;
}

/** The event stays as it was. */
export function failure(index: number, error: PluginError): TextResult {
  return { index, status: ResultStatus.Failed, text: textOf(error) };
}

/** The same, because the plugin did not come to an end. */
export function timedOut(index: number, error: Error): TextResult {
  return { index, status: ResultStatus.TimedOut, text: textOf(readError(error)) };
}

/** A plugin's toJSON on all objects may make nothing of it. */
function textOf(error: PluginError): string {
  return stringify(error) ?? "";
}

/** One status for all of so many events. */
export function allWith(count: number, status: ResultStatus): TextResult[] {
  return Array.from({ length: count }, (_, index) => ({ index, status, text: "" }));
}

/** All of so many events stay as they were. */
export function allFailed(count: number, error: PluginError): TextResult[] {
  return Array.from({ length: count }, (_, index) => failure(index, error));
}
