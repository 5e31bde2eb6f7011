/** The setups of a plugin's configs: what comes of them, what is said of them, and the next try. */
import type { SetupReport } from "../../../plugins_runtime/frames.ts";
import type { GivenUp, PluginReports, PluginSpec } from "../types.ts";
import type { PluginMessages } from "./plugin_messages.ts";
import { SetupAttempts } from "./setup_attempts.ts";

/** What a log says of a config whose setup failed too often. */
const GIVEN_UP: Readonly<Record<GivenUp, (attempts: number, seconds: number) => string>> = {
  disabled: (attempts) =>
    `Disabling it due to too many retries – tried to load it ${attempts} times before giving up.`,
  "other servers": (attempts, seconds) =>
    `Tried ${attempts} times; it stays enabled, as not every running server failed to. ` +
    `Retrying in ${seconds} s.`,
  "version before": (attempts, seconds) =>
    `Tried ${attempts} times; the version before goes on. Retrying in ${seconds} s.`,
};

export interface ConfigSetupsParts {
  readonly messages: PluginMessages;
  readonly reports: PluginReports;
  /** Shown in the plugin's log. */
  readonly instanceId: string;
  /** Calls setupPlugin again. */
  readonly again: (configId: number) => void;
}

export class ConfigSetups {
  readonly attempts = new SetupAttempts();
  readonly #spec: PluginSpec;
  readonly #parts: ConfigSetupsParts;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isStopped = false;

  constructor(spec: PluginSpec, parts: ConfigSetupsParts) {
    this.#spec = spec;
    this.#parts = parts;
  }

  /** Whether one waits for its next try. */
  get isWaiting(): boolean {
    return this.#timers.size > 0;
  }

  /** A setup came to its end, one way or the other. */
  ended({ configId, error }: SetupReport): void {
    const { messages, reports, instanceId } = this.#parts;
    const outcome = this.attempts.ended(configId, error);
    if (error !== null) messages.failed(configId, error);
    if (outcome.kind === "ready") {
      reports.ready(configId);
      messages.systemFor(configId, "INFO", `Plugin loaded (instance ID ${instanceId}).`);
      return;
    }
    const seconds = outcome.waitMs / 1000;
    const say = (what: string) =>
      messages.systemFor(
        configId,
        "ERROR",
        `Plugin failed to load (instance ID ${instanceId}). ${what}`,
      );
    if (outcome.kind === "retry") say(`Retrying in ${seconds} s.`);
    else {
      reports.gaveUp(
        configId,
        this.#versionOf(configId),
        (fate) => say(GIVEN_UP[fate](outcome.attempts, seconds)),
      );
    }
    if (this.#isStopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#parts.again(configId);
    }, outcome.waitMs);
    this.#timers.add(timer);
  }

  /** Tries nothing again. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Of code, grants and config: the same on every server. */
  #versionOf(configId: number): string {
    const { configs, version } = this.#spec;
    return `${version} ${configs.find(({ id }) => id === configId)?.updatedAt}`;
  }
}
