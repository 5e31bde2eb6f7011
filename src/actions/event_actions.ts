/** Actions as the store sees them: which match the events of a batch, and which of those have hooks. */
import type { ActionSubject } from "../events/prepared_event.ts";
import type { Action } from "./action.ts";
import type { ActionCatalog } from "./action_catalog.ts";
import { ActionMatcher, type ActionPerson, cohortsOf } from "./action_matcher.ts";
import type { HookIndex } from "./hook_index.ts";

export class EventActions {
  readonly #catalog: ActionCatalog;
  readonly #hooks: HookIndex;
  readonly #matcher = new ActionMatcher();
  /** A team's list is another one once one of its actions changed. */
  readonly #cohorts = new WeakMap<readonly Action[], readonly number[]>();

  constructor(catalog: ActionCatalog, hooks: HookIndex) {
    this.#catalog = catalog;
    this.#hooks = hooks;
  }

  /** The cohorts whose members have to be known to match a team's actions. */
  cohortsOf(teamId: number): readonly number[] {
    const actions = this.#catalog.ofTeam(teamId);
    let cohorts = this.#cohorts.get(actions);
    if (cohorts === undefined) {
      cohorts = cohortsOf(actions);
      this.#cohorts.set(actions, cohorts);
    }
    return cohorts;
  }

  /** Ids of the team's actions that match, and of those that somebody is to be told of. */
  match(
    teamId: number,
    subject: ActionSubject,
    person: ActionPerson | null,
  ): { readonly ids: readonly number[]; readonly hookedIds: readonly number[] } {
    const matched = this.#matcher.matching(this.#catalog.ofTeam(teamId), subject, person);
    return {
      ids: matched.map(({ id }) => id),
      hookedIds: matched.filter((action) => this.#hooks.has(action)).map(({ id }) => id),
    };
  }
}
