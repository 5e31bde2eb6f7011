/** The actions of all teams, in memory and in step with their rows. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import { isObject } from "../events/person_properties.ts";
import type { Action } from "./action.ts";

/** Where actions are kept. Those that are deleted are not given. */
export interface ActionRowsReader {
  all(): Promise<Action[]>;
  one(actionId: number): Promise<Action | null>;
}

const NONE: readonly Action[] = [];

export class ActionCatalog {
  readonly #rows: ActionRowsReader;
  readonly #log = getLogger(["paddock", "actions"]);
  #byTeam: ReadonlyMap<number, readonly Action[]> = new Map();
  /** Changes are made one after the other, or an older answer could win over a newer one. */
  #changing: Promise<void> = Promise.resolve();

  constructor(rows: ActionRowsReader) {
    this.#rows = rows;
  }

  isWatched(teamId: number): boolean {
    return this.#byTeam.has(teamId);
  }

  /** A team's actions, by id. */
  ofTeam(teamId: number): readonly Action[] {
    return this.#byTeam.get(teamId) ?? NONE;
  }

  /** Reads all actions anew. Rejects where they cannot be read; those known so far stay in force. */
  load(): Promise<void> {
    return this.#change(async () => {
      const byTeam = new Map<number, Action[]>();
      for (const action of await this.#rows.all()) {
        const team = byTeam.get(action.teamId);
        if (team === undefined) byTeam.set(action.teamId, [action]);
        else team.push(action);
      }
      this.#byTeam = byTeam;
    });
  }

  /**
   * Obeys `reload-action` and `drop-action`: JSON with `teamId` and `actionId`. An empty message
   * means that some may have been missed. Never rejects.
   */
  async obey(channel: string, message: string): Promise<void> {
    try {
      if (message === "") return await this.load();
      const actionId = actionIdOf(message);
      if (actionId === null) {
        this.#log.warn`a message on ${channel} is not JSON with an actionId`;
        return;
      }
      await this.#change(async () => {
        // The row says whose the action is, whatever the message says.
        const action = channel === RELOAD_ACTION ? await this.#rows.one(actionId) : null;
        this.#put(actionId, action);
      });
    } catch (error) {
      this.#log.warn`actions were not read and stay as they are: ${errorMessage(error)}`;
    }
  }

  #put(actionId: number, action: Action | null): void {
    const byTeam = new Map<number, readonly Action[]>();
    for (const [teamId, actions] of this.#byTeam) {
      const others = actions.filter(({ id }) => id !== actionId);
      if (others.length > 0) byTeam.set(teamId, others);
    }
    if (action !== null) {
      const actions = [...byTeam.get(action.teamId) ?? [], action];
      byTeam.set(action.teamId, actions.sort((one, other) => one.id - other.id));
    }
    this.#byTeam = byTeam;
  }

  #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => {});
    return changed;
  }
}

/** The channels on which PostHog's application says that an action changed. */
export const RELOAD_ACTION = "reload-action";
export const DROP_ACTION = "drop-action";

function actionIdOf(message: string): number | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(message);
  } catch {
    return null;
  }
  const id = isObject(parsed) ? parsed.actionId : null;
  return typeof id === "number" && Number.isInteger(id) && id > 0 && id < 2 ** 31 ? id : null;
}
