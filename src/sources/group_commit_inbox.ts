import type { RawEvent } from "../events/types.ts";
import type { Inbox } from "./inbox.ts";

/** Events in one append at most. */
const MAX_EVENTS = 2_000;

/**
 * While one append is under way, the requests that arrive meanwhile gather, and go together in the
 * next: many requests a second cost few statements, and a lone one waits for nobody.
 */
export class GroupCommitInbox implements Inbox {
  readonly #inbox: Inbox;
  readonly #onAppended: () => void;
  #gathered: { events: readonly RawEvent[]; done: PromiseWithResolvers<void> }[] = [];
  #appending = false;

  /** @param onAppended called after each append, to wake a source in the same process */
  constructor(inbox: Inbox, onAppended: () => void) {
    this.#inbox = inbox;
    this.#onAppended = onAppended;
  }

  append(events: readonly RawEvent[]): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#gathered.push({ events, done });
    if (!this.#appending) this.#appendGathered();
    return done.promise;
  }

  async #appendGathered(): Promise<void> {
    this.#appending = true;
    while (this.#gathered.length > 0) {
      let count = 0;
      const fits = this.#gathered.findIndex(({ events }) => (count += events.length) > MAX_EVENTS);
      const group = this.#gathered.splice(
        0,
        fits === -1 ? this.#gathered.length : Math.max(fits, 1),
      );
      try {
        await this.#inbox.append(group.flatMap(({ events }) => events));
        for (const { done } of group) done.resolve();
        this.#onAppended();
      } catch (error) {
        for (const { done } of group) done.reject(error);
      }
    }
    this.#appending = false;
  }
}
