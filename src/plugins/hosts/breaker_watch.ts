/** What a plugin's work tells its breaker, and what the breaker's changes tell the plugin's log. */
import type { Breaker, BreakerState } from "../breaker/breaker.ts";
import type { PluginReports, PluginSpec } from "../types.ts";
import type { Job } from "./job.ts";
import type { PluginMessages } from "./plugin_messages.ts";

/** Work on one frame for over this share of the deadline is slow. */
const SLOW_SHARE = 1 / 3;

export class BreakerWatch {
  readonly #spec: PluginSpec;
  readonly #breaker: Breaker;
  readonly #messages: PluginMessages;
  readonly #reports: PluginReports;
  readonly #slowMs: number;
  #lastDone = 0;

  constructor(
    spec: PluginSpec,
    taskTimeoutMs: number,
    parts: {
      readonly breaker: Breaker;
      readonly messages: PluginMessages;
      readonly reports: PluginReports;
    },
  ) {
    this.#spec = spec;
    this.#breaker = parts.breaker;
    this.#messages = parts.messages;
    this.#reports = parts.reports;
    this.#slowMs = taskTimeoutMs * SLOW_SHARE;
  }

  /** A job came to its end. */
  finished(job: Job): void {
    const now = performance.now();
    const took = this.#took(job, now);
    this.#lastDone = now;
    const reason = `${job.texts.length} events took it ${(took / 1000).toFixed(1)} s`;
    if (job.hasTimedOut) this.#say(this.#breaker.strike(now, reason), reason);
    else if (took > this.#slowMs) this.#say(this.#breaker.dawdled(now, reason), reason);
    else this.#say(this.#breaker.worked(now), reason);
  }

  /** The process is at a job: it need not come to its end to be slow. */
  isAt(job: Job, now: number): void {
    const took = this.#took(job, now);
    if (took <= this.#slowMs) return;
    const reason = `${job.texts.length} events have taken it ${(took / 1000).toFixed(1)} s`;
    this.#say(this.#breaker.dawdled(now, reason), reason);
  }

  /** The process died, or was stopped at its deadline. Returns the state that it led to. */
  crashed(reason: string): BreakerState | null {
    const now = performance.now();
    this.#lastDone = now;
    const state = this.#breaker.strike(now, reason);
    this.#say(state, reason);
    return state;
  }

  /** Since it was given to the process, or since the one before it was done. */
  #took(job: Job, now: number): number {
    return now - Math.max(job.sentAt, this.#lastDone);
  }

  /** Says a change in the plugin's log and, where it stops the plugin, in its configs' error. */
  #say(state: BreakerState | null, reason: string): void {
    if (state === null) return;
    const { id } = this.#spec;
    const { pauseMs, pauses } = this.#breaker.status(performance.now());
    switch (state) {
      case "healthy":
        return this.#messages.system("INFO", "Plugin is healthy again.");
      case "slow":
        return this.#messages.system("WARN", `Plugin put into the slow lane: ${reason}.`);
      case "paused":
        return this.#messages.system(
          "ERROR",
          `Plugin paused for ${Math.round(pauseMs / 1000)} s after repeated crashes: ${reason}.`,
        );
      case "disabled": {
        const message = `Plugin disabled after ${pauses} pauses: ${reason}. ` +
          `To try it again: paddock plugins reset ${id}`;
        this.#messages.system("ERROR", message);
        const time = new Date().toISOString();
        for (const config of this.#spec.configs) this.#reports.failed(config.id, { message, time });
      }
    }
  }
}
