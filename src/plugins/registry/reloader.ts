import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";

/** The Postgres channel on which Paddock's own commands say that plugins changed. */
export const RELOAD_CHANNEL = "paddock_reload_plugins";

/** Requests within so short a time are one: a person's click is often several messages. */
const DEBOUNCE_MS = 100;

/** A missed message is made up for by looking now and then. */
const CHECK_MS = 60_000;

/**
 * Runs a reload whenever one is asked for, one at a time, and again after a failure. What takes
 * something away from plugins is not kept waiting by a reload that runs: building may take long.
 */
export class Reloader {
  readonly #restrict: () => Promise<void>;
  readonly #reload: () => Promise<void>;
  readonly #log = getLogger(["paddock", "plugins"]);
  readonly #checks: ReturnType<typeof setInterval>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();
  readonly #restricting = new Set<Promise<void>>();
  /** One that has not begun yet is enough. */
  #isQueued = false;

  /** @param restrict called with each request; a reload follows that begins after it */
  constructor(restrict: () => Promise<void>, reload: () => Promise<void>) {
    this.#restrict = restrict;
    this.#reload = reload;
    this.#checks = setInterval(() => this.request(), CHECK_MS);
  }

  /** Reloads soon. Requests do not put each other off, so that a flood of them is many reloads. */
  request(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const restricting = this.#try(this.#restrict);
      this.#restricting.add(restricting);
      restricting.finally(() => this.#restricting.delete(restricting));
      if (this.#isQueued) return;
      this.#isQueued = true;
      this.#running = this.#running.then(() => this.#next());
    }, DEBOUNCE_MS);
  }

  /** Reloads at once; rejects where `request` would only log. */
  async now(): Promise<void> {
    await this.#reload();
  }

  async stop(): Promise<void> {
    clearInterval(this.#checks);
    clearTimeout(this.#timer);
    await Promise.all([this.#running, ...this.#restricting]);
  }

  async #next(): Promise<void> {
    this.#isQueued = false;
    // A restriction that read older rows than the reload would take away what that gave.
    await Promise.all(this.#restricting);
    await this.#try(this.#reload);
  }

  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#log.warn`plugins were not loaded again: ${errorMessage(error)}`;
    }
  }
}
