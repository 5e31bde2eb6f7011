/**
 * The deadlines of a plugin's calls. They are kept by the server's pings and not by timers, as a
 * plugin can clear timers that are not its own: they have small numbers. A list of links, since the
 * methods of arrays and sets are the plugin's to spoil.
 */
const now = performance.now.bind(performance);

interface Link {
  readonly at: number;
  readonly expired: () => void;
  before: Link | null;
  after: Link | null;
  isOpen: boolean;
}

/** A deadline that was not met or ended yet. */
export type Deadline = Link;

/** All of the same length, so that the oldest is the first to pass. */
export class Deadlines {
  #oldest: Link | null = null;
  #newest: Link | null = null;

  /** @param expired called once, unless the deadline is ended before */
  begin(ms: number, expired: () => void): Deadline {
    const link: Link = {
      at: now() + ms,
      expired,
      before: this.#newest,
      after: null,
      isOpen: true,
    };
    if (this.#newest === null) this.#oldest = link;
    else this.#newest.after = link;
    this.#newest = link;
    return link;
  }

  end(link: Deadline): void {
    if (!link.isOpen) return;
    link.isOpen = false;
    if (link.before === null) this.#oldest = link.after;
    else link.before.after = link.after;
    if (link.after === null) this.#newest = link.before;
    else link.after.before = link.before;
  }

  /** Ends those that passed. Called with every ping: several times a second while there is work. */
  check(): void {
    const moment = now();
    for (let link = this.#oldest; link !== null && link.at <= moment; link = this.#oldest) {
      this.end(link);
      link.expired();
    }
  }
}
