/**
 * Definitions: which event names and property names a team has ever used, as lists to choose from.
 * What is defined of an event, and when a property counts as a number, is as in PostHog's plugin
 * server 1.10.
 */
import { LRUCache } from "lru-cache";
import type { JsonObject } from "./types.ts";

/** The width of the columns for names; longer ones are not defined. */
const MAX_NAME_LENGTH = 400;

/** What plugins count, as an event: not one of the team's own. */
export const PLUGIN_METRICS_EVENT = "$$plugin_metrics";

const CACHED_TEAMS = 10_000;
/** A team that invents names without end does not fill the memory: it is forgotten and learnt anew. */
const NAMES_PER_TEAM = 20_000;
/** A definition that somebody deleted comes back after so long, if it is still in use. */
const FORGET_MS = 3_600_000;

/** A property name, and whether the first value seen of it is a number. */
export interface NewProperty {
  readonly name: string;
  readonly isNumerical: boolean;
}

/** Names of an event that may not be defined yet. */
export interface NewDefinitions {
  readonly event: string | null;
  readonly properties: readonly NewProperty[];
}

interface TeamNames {
  readonly events: Set<string>;
  readonly properties: Set<string>;
}

/** The names that are known to be defined, so that a name costs a statement once. */
export class KnownDefinitions {
  readonly #teams = new LRUCache<number, TeamNames>({ max: CACHED_TEAMS, ttl: FORGET_MS });

  /** Those of an event's names that are not known to be defined; undefined for none. */
  missing(teamId: number, event: string, properties: JsonObject): NewDefinitions | undefined {
    if (event === PLUGIN_METRICS_EVENT) return undefined;
    const known = this.#teams.get(teamId);
    const missing: NewProperty[] = [];
    for (const name in properties) {
      if (known?.properties.has(name) || name.length > MAX_NAME_LENGTH) continue;
      missing.push({ name, isNumerical: typeof properties[name] === "number" });
    }
    const isKnown = known?.events.has(event) ?? false;
    if (isKnown && missing.length === 0) return undefined;
    return { event: isKnown ? null : event, properties: missing };
  }

  hasEvent(teamId: number, name: string): boolean {
    return this.#teams.get(teamId)?.events.has(name) ?? false;
  }

  hasProperty(teamId: number, name: string): boolean {
    return this.#teams.get(teamId)?.properties.has(name) ?? false;
  }

  /** Remembers what is defined by now. */
  learn(teamId: number, { event, properties }: NewDefinitions): void {
    let known = this.#teams.get(teamId);
    if (
      known === undefined || known.events.size > NAMES_PER_TEAM ||
      known.properties.size > NAMES_PER_TEAM
    ) {
      known = { events: new Set(), properties: new Set() };
      this.#teams.set(teamId, known);
    }
    if (event !== null) known.events.add(event);
    for (const { name } of properties) known.properties.add(name);
  }
}
