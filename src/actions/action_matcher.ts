/**
 * Which actions an event matches. The rules are those of PostHog's plugin server 1.10; selectors are
 * CSS's, and negative filters as `property_filter.ts` has them.
 */
import { LRUCache } from "lru-cache";
import type { Element } from "../events/elements.ts";
import type { ActionSubject } from "../events/prepared_event.ts";
import type { JsonObject } from "../events/types.ts";
import type { Action, ActionStep } from "./action.ts";
import { Patterns } from "./patterns.ts";
import { passesFilter, type PropertyFilter, propertyFilters } from "./property_filter.ts";
import { matchesSelector, parseSelector, type Selector } from "./selector.ts";

/** The person of an event, as stored after the event's update. */
export interface ActionPerson {
  readonly properties: Readonly<JsonObject>;
  isMemberOf(cohortId: number): boolean;
}

const CACHED_SELECTORS = 1_000;

export class ActionMatcher {
  readonly #patterns = new Patterns();
  /** Read once for each version of a step. */
  readonly #filters = new WeakMap<ActionStep, readonly (PropertyFilter | null)[]>();
  readonly #selectors = new LRUCache<string, { readonly selector: Selector | null }>({
    max: CACHED_SELECTORS,
  });

  /** Those of the actions that match, in their order. */
  matching<Each extends Action>(
    actions: readonly Each[],
    subject: ActionSubject,
    person: ActionPerson | null,
  ): Each[] {
    return actions.filter(({ steps }) =>
      steps.some((step) => this.#matches(step, subject, person))
    );
  }

  /** A step that cannot be decided is one that does not match. */
  #matches(step: ActionStep, subject: ActionSubject, person: ActionPerson | null): boolean {
    try {
      return (!step.event || subject.event.event === step.event) &&
        this.#matchesUrl(step, subject) &&
        matchesElement(step, subject.elements) &&
        (!step.selector || this.#matchesSelector(step.selector, subject.elements)) &&
        this.#filtersOf(step).every((filter) =>
          filter !== null && this.#passes(filter, subject, person)
        );
    } catch {
      return false;
    }
  }

  #filtersOf(step: ActionStep): readonly (PropertyFilter | null)[] {
    let filters = this.#filters.get(step);
    if (filters === undefined) {
      filters = propertyFilters(step.properties);
      this.#filters.set(step, filters);
    }
    return filters;
  }

  #matchesUrl({ url, urlMatching }: ActionStep, { event }: ActionSubject): boolean {
    if (!url) return true;
    const current = event.properties?.$current_url;
    if (typeof current !== "string" || current === "") return false;
    switch (urlMatching) {
      case "exact":
        return current === url;
      case "regex":
        return this.#patterns.find(url, current);
      default:
        return this.#patterns.findLike(url, current);
    }
  }

  #matchesSelector(text: string, elements: readonly Element[]): boolean {
    let entry = this.#selectors.get(text);
    if (entry === undefined) {
      entry = { selector: parseSelector(text) };
      this.#selectors.set(text, entry);
    }
    return entry.selector !== null && matchesSelector(elements, entry.selector);
  }

  #passes(
    filter: PropertyFilter,
    { event, elements }: ActionSubject,
    person: ActionPerson | null,
  ): boolean {
    switch (filter.type) {
      case "event":
        return passesFilter(filter, event.properties ?? {}, this.#patterns);
      case "person":
        return passesFilter(filter, person?.properties ?? null, this.#patterns);
      case "element":
        if (filter.key !== "selector") {
          return elements.some((element) =>
            passesFilter(filter, element as unknown as JsonObject, this.#patterns)
          );
        }
        return selectorTexts(filter).some((text) => this.#matchesSelector(text, elements));
      case "cohort":
        return passesCohort(filter, person);
      default:
        return false;
    }
  }
}

/** The cohorts whose members have to be known to match these actions. */
export function cohortsOf(actions: readonly Action[]): number[] {
  const ids = new Set<number>();
  for (const { steps } of actions) {
    for (const filter of steps.flatMap(({ properties }) => propertyFilters(properties))) {
      if (filter?.type !== "cohort" || filter.value === "all") continue;
      const id = cohortId(filter.value);
      if (id !== null) ids.add(id);
    }
  }
  return [...ids];
}

function passesCohort({ value }: PropertyFilter, person: ActionPerson | null): boolean {
  if (value === "all") return true;
  const id = cohortId(value);
  return person !== null && id !== null && person.isMemberOf(id);
}

function cohortId(value: unknown): number | null {
  const id = Number.parseInt(String(value));
  return Number.isInteger(id) && id > 0 && id < 2 ** 31 ? id : null;
}

function selectorTexts({ value }: PropertyFilter): string[] {
  const values = Array.isArray(value) ? value : [value];
  return values.filter((text): text is string => typeof text === "string" && text !== "");
}

/** All that is asked for has to be true of one and the same element. */
function matchesElement(
  { tagName, text, href }: ActionStep,
  elements: readonly Element[],
): boolean {
  if (!tagName && !text && !href) return true;
  return elements.some((element) =>
    (!tagName || element.tag_name === tagName) && (!text || element.text === text) &&
    (!href || element.href === href)
  );
}
