import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";

/** The Postgres channel on which Paddock's own commands say that plugins changed. */
export const RELOAD_CHANNEL = "paddock_reload_plugins";

/** Requests within so short a time are one: a person's click is often several messages. */
const DEBOUNCE_MS = 100;

/** A missed message is made up for by looking now and then. */
const CHECK_MS = 60_000;

/** Runs a reload whenever one is asked for, one at a time, and again after a failure. */
export class Reloader {
  readonly #reload: () => Promise<void>;
  readonly #log = getLogger(["paddock", "plugins"]);
  readonly #checks: ReturnType<typeof setInterval>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(reload: () => Promise<void>) {
    this.#reload = reload;
    this.#checks = setInterval(() => this.request(), CHECK_MS);
  }

  /** Reloads soon. Requests do not put each other off, so that a flood of them is many reloads. */
  request(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#running.then(() => this.#run());
    }, DEBOUNCE_MS);
  }

  /** Reloads at once; rejects where `request` would only log. */
  async now(): Promise<void> {
    await this.#reload();
  }

  async stop(): Promise<void> {
    clearInterval(this.#checks);
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#reload();
    } catch (error) {
      this.#log.warn`plugins were not loaded again: ${errorMessage(error)}`;
    }
  }
}
