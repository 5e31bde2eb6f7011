/** Sends each team's events through its plugins, and keeps each team's events in order. */
import { setImmediate } from "node:timers/promises";
import { getLogger } from "@logtape/logtape";
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

const TOO_DEEP = `it nests deeper than ${MAX_NESTING} levels`;

/** Characters of JSON that are parsed in one turn of the event loop. */
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

  /** Runs events of one team through its plugins. Results in input order; never rejects. */
  run(teamId: number, frame: readonly PluginEvent[]): Promise<Transformed[]> {
    return this.#chains.has(teamId)
      ? this.#through(teamId, frame)
      : Promise.resolve(frame.map((event) => ({ event, marks: null })));
  }

  async #through(teamId: number, frame: readonly PluginEvent[]): Promise<Transformed[]> {
    // Recordings pass plugins by: no plugin of that era expects them in processEvent.
    const indices = frame.flatMap((event, index) => event.event === "$snapshot" ? [] : [index]);
    const inputs = indices.map((index) => {
      const event = frame[index] as PluginEvent;
      return { json: JSON.stringify(event), uuid: event.uuid, distinctId: event.distinct_id };
    });
    const results: Transformed[] = frame.map((event) => ({ event, marks: null }));
    let outcomes: ChainOutcome[];
    try {
      outcomes = inputs.length === 0 ? [] : await this.#chains.run(teamId, inputs);
    } catch (error) {
      const uuids = inputs.map(({ uuid }) => uuid);
      this.#log.with({ team: teamId, uuids }).error`plugins were passed by: ${errorMessage(error)}`;
      return results;
    }
    let read = 0;
    for (const [position, index] of indices.entries()) {
      const original = frame[index] as PluginEvent;
      const outcome = outcomes[position];
      if (outcome === undefined) continue;
      read += outcome.json?.length ?? 0;
      // What plugins return may be large: others have their turn in between.
      if (read > READ_AT_ONCE) {
        await setImmediate();
        read = 0;
      }
      results[index] = this.#resultOf(original, inputs[position]?.json ?? "", outcome);
    }
    return results;
  }

  #resultOf(original: PluginEvent, input: string, outcome: ChainOutcome): Transformed {
    if (outcome.json === null) return { event: null, marks: null };
    const { succeeded, failed } = outcome;
    const marks = succeeded.length + failed.length === 0 ? null : { succeeded, failed };
    if (outcome.json === input) return { event: original, marks };
    try {
      if (outcome.json.length > LONG_TEXT && textNestsDeeper(outcome.json)) {
        throw new Error(TOO_DEEP);
      }
      return { event: checkedEvent(original, JSON.parse(outcome.json)), marks };
    } catch (error) {
      this.#log.with({ uuid: original.uuid, team: original.team_id })
        .warn`an event left its plugins unusable: ${errorMessage(error)}`;
      return { event: original, marks: { succeeded: [], failed: [...succeeded, ...failed] } };
    }
  }
}

/**
 * What a plugin may not change is put back, whatever the fence reported; what it broke is an error.
 */
function checkedEvent(original: PluginEvent, returned: unknown): PluginEvent {
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
    site_url: original.site_url,
    team_id: original.team_id,
    uuid: original.uuid,
    now: original.now,
    sent_at: original.sent_at,
  };
}
