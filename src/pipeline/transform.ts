/** Sends each team's events through its plugins, and keeps each team's events in order. */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { getLogger } from "@logtape/logtape";
import { aboutEvent, aboutSeveral } from "../telemetry/about.ts";
import { errorMessage } from "../errors.ts";
import type { PluginEvent } from "../events/types.ts";
import { MAX_NESTING, nestsDeeper, textNestsDeeper } from "../events/nesting.ts";
import { isObject } from "../events/person_properties.ts";
import { MAX_DISTINCT_ID_LENGTH } from "./decode.ts";
import type { ChainOutcome, PluginChains } from "./plugin_chains.ts";
import type { PluginMarks } from "./prepare.ts";

/** An event as it left its team's plugins; `event` is null if one of them dropped it. */
export interface Transformed {
  readonly event: PluginEvent | null;
  readonly marks: PluginMarks | null;
}

/** What no plugin may change. */
type Envelope = Pick<PluginEvent, "uuid" | "team_id" | "site_url" | "now" | "sent_at">;

/**
 * An event that waits for its turn: as text, since the garbage collector looks at and moves every
 * part of an object time and again, and thousands wait.
 */
export type PackedEvent =
  | { readonly envelope: Envelope; readonly distinctId: string; readonly text: Uint8Array }
  /** Passes the plugins by. */
  | { readonly recording: PluginEvent };

const TOO_DEEP = `it nests deeper than ${MAX_NESTING} levels`;

/** Bytes of JSON that are parsed in one turn of the event loop. */
const READ_AT_ONCE = 512 * 1024;

/** Longer texts are looked through before they are parsed. */
const LONG_TEXT = 64 * 1024;

export class Transform {
  readonly #chains: PluginChains;
  readonly #log = getLogger(["paddock", "transform"]);

  constructor(chains: PluginChains) {
    this.#chains = chains;
  }

  /** Whether anything would be done with a team's events. */
  has(teamId: number): boolean {
    return this.#chains.has(teamId);
  }

  /** Makes events ready to wait. */
  pack(events: readonly PluginEvent[]): PackedEvent[] {
    // Recordings pass plugins by: no plugin of that era expects them in processEvent.
    const texts = inOneBuffer(
      events.flatMap((event) => event.event === "$snapshot" ? [] : [JSON.stringify(event)]),
    ).values();
    return events.map((event) => {
      if (event.event === "$snapshot") return { recording: event };
      const { uuid, team_id, site_url, now, sent_at, distinct_id: distinctId } = event;
      const envelope = { uuid, team_id, site_url, now, sent_at };
      return { envelope, distinctId, text: texts.next().value as Uint8Array };
    });
  }

  /** Runs events of one team through its plugins. Results in input order; never rejects. */
  async run(teamId: number, frame: readonly PackedEvent[]): Promise<Transformed[]> {
    const inputs = frame.flatMap((packed) => "recording" in packed ? [] : [packed]);
    let outcomes: ChainOutcome[] = [];
    try {
      if (inputs.length > 0 && this.has(teamId)) outcomes = await this.#chains.run(teamId, inputs);
    } catch (error) {
      aboutSeveral(this.#log, inputs.map(({ envelope: { uuid } }) => ({ uuid, teamId })))
        .error`plugins were passed by: ${errorMessage(error)}`;
    }
    const results: Transformed[] = [];
    let [position, read] = [0, 0];
    for (const packed of frame) {
      if ("recording" in packed) {
        results.push({ event: packed.recording, marks: null });
        continue;
      }
      const outcome = outcomes[position++] ?? { text: packed.text, succeeded: [], failed: [] };
      read += outcome.text?.byteLength ?? 0;
      // What plugins return may be large: others have their turn in between.
      if (read > READ_AT_ONCE) {
        await setImmediate();
        read = 0;
      }
      results.push(this.#resultOf(packed, outcome));
    }
    return results;
  }

  #resultOf(
    { envelope, text: given }: Extract<PackedEvent, { text: Uint8Array }>,
    { text, succeeded, failed }: ChainOutcome,
  ): Transformed {
    if (text === null) return { event: null, marks: null };
    const marks = succeeded.length + failed.length === 0 ? null : { succeeded, failed };
    if (text === given) return { event: parsed(given) as PluginEvent, marks };
    try {
      if (text.byteLength > LONG_TEXT && textNestsDeeper(text)) throw new Error(TOO_DEEP);
      return { event: checkedEvent(envelope, parsed(text)), marks };
    } catch (error) {
      aboutEvent(this.#log, { uuid: envelope.uuid, teamId: envelope.team_id })
        .warn`an event left its plugins unusable: ${errorMessage(error)}`;
      return {
        event: parsed(given) as PluginEvent,
        marks: { succeeded: [], failed: [...succeeded, ...failed] },
      };
    }
  }
}

/** Each text as UTF-8: one piece of memory for all, as each has a price of its own. */
function inOneBuffer(texts: readonly string[]): Uint8Array[] {
  const sizes = texts.map((text) => Buffer.byteLength(text));
  const memory = Buffer.allocUnsafeSlow(sizes.reduce((sum, size) => sum + size, 0));
  let end = 0;
  return texts.map((text, index) => {
    const start = end;
    end += sizes[index] as number;
    memory.write(text, start);
    return memory.subarray(start, end);
  });
}

function parsed(text: Uint8Array): unknown {
  return JSON.parse(Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString());
}

/**
 * What a plugin may not change is put back, whatever the fence reported; what it broke is an error.
 */
function checkedEvent(envelope: Envelope, returned: unknown): PluginEvent {
  if (!isObject(returned)) throw new Error("it is not an object");
  const { event, distinct_id: distinctId, properties } = returned;
  if (typeof event !== "string") throw new Error("'event' is not a text");
  if (typeof distinctId !== "string" && typeof distinctId !== "number") {
    throw new Error("'distinct_id' is not a text");
  }
  const id = String(distinctId);
  if (id === "" || id.length > MAX_DISTINCT_ID_LENGTH) {
    throw new Error(`'distinct_id' has ${id.length} characters`);
  }
  if (properties !== undefined && properties !== null && !isObject(properties)) {
    throw new Error("'properties' is not an object");
  }
  if (nestsDeeper(returned)) throw new Error(TOO_DEEP);
  return {
    ...returned,
    event,
    distinct_id: id,
    properties: isObject(properties) ? properties : {},
    ip: typeof returned.ip === "string" ? returned.ip : null,
    ...envelope,
  };
}
