/** What came of trying a plugin, in the words of its fixture's `expect`. */
import type { JsonObject, RawEvent } from "../../events/types.ts";
import type { NewJob } from "../../jobs/new_job.ts";
import { DEPTH_PROPERTY } from "../api/capture_calls.ts";
import type { SeenRequest } from "./endpoint.ts";

/** What a plugin did with a fixture, as the fixture's `expect` describes it. */
export interface TrialReport {
  /** Each as it left processEvent; null where it was dropped. */
  readonly events: readonly (JsonObject | null)[];
  /** What it printed: `LOG some text`. */
  readonly logs: readonly string[];
  /** Messages of what it threw. */
  readonly errors: readonly string[];
  /** Hosts that it was refused, as its log says. */
  readonly refused: readonly string[];
  /** What the fixture's web server was asked. */
  readonly requests: readonly SeenRequest[];
  readonly captured: readonly JsonObject[];
  readonly jobs: readonly JsonObject[];
  readonly cache: JsonObject;
  readonly storage: JsonObject;
  readonly metrics: JsonObject;
}

/** A captured event as its plugin gave it, with `$lib`. */
export function shownEvent({ data }: RawEvent): JsonObject {
  const { [DEPTH_PROPERTY]: _, ...properties } = data.properties as JsonObject;
  return { ...data, properties };
}

/** The numbers of the event that metrics are sent as. */
export function countedBy(events: readonly RawEvent[]): JsonObject {
  const { $lib: _, plugin_id: _id, plugin_name: _name, ...numbers } =
    (events[0]?.data.properties ?? {}) as JsonObject;
  return numbers;
}

/** A job with when it is due, if not at once. */
export function shownJob(job: NewJob): JsonObject {
  const { dueAtMs, dueInMs } = job;
  return {
    ...(job.kind === "plugin"
      ? { job: job.name, payload: job.payload === null ? null : JSON.parse(job.payload) }
      : { job: job.kind }),
    ...(dueAtMs === undefined ? {} : { runAt: new Date(dueAtMs).toISOString() }),
    ...(dueInMs === undefined ? {} : { runInMs: dueInMs }),
  };
}

/** A cached text as a value. */
export function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
