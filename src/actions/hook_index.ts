/** Which actions have hooks, looked up every few seconds, so that matches without cost nothing more. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { Action } from "./action.ts";

/** What has hooks. */
export interface HookedRows {
  /** Teams with a webhook. */
  readonly teamIds: readonly number[];
  /** Actions with a REST hook. */
  readonly actionIds: readonly number[];
}

export class HookIndex {
  readonly #read: () => Promise<HookedRows>;
  readonly #log = getLogger(["paddock", "actions"]);
  #teams: ReadonlySet<number> = new Set();
  #actions: ReadonlySet<number> = new Set();
  #timer: ReturnType<typeof setInterval> | undefined;
  #refreshing: Promise<void> | null = null;

  constructor(read: () => Promise<HookedRows>) {
    this.#read = read;
  }

  has({ id, teamId, postToSlack }: Action): boolean {
    return this.#actions.has(id) || postToSlack && this.#teams.has(teamId);
  }

  /** Reads which there are. Never rejects: where that fails, what is known stays in force. */
  refresh(): Promise<void> {
    return this.#refreshing ??= (async () => {
      try {
        const { teamIds, actionIds } = await this.#read();
        this.#teams = new Set(teamIds);
        this.#actions = new Set(actionIds);
      } catch (error) {
        this.#log.debug`hooks were not read: ${errorMessage(error)}`;
      } finally {
        this.#refreshing = null;
      }
    })();
  }

  start(everyMs: number): void {
    this.#timer = setInterval(() => this.refresh(), everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#refreshing;
  }
}
