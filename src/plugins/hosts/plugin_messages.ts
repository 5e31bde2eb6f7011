/** What an operator and an author read about one plugin: its log and the error of its configs. */
import type { EventResult, LogLine, PluginError } from "../../../plugins_runtime/frames.ts";
import { claimedError } from "../../../plugins_runtime/hook_frames.ts";
import type { EgressRefusal } from "../egress/egress_gateway.ts";
import type {
  PluginConfig,
  PluginLog,
  PluginLogEntry,
  PluginReports,
  PluginSpec,
} from "../types.ts";
import type { AnsweredCall } from "./hook_calls.ts";

const TYPES: ReadonlySet<string> = new Set(["DEBUG", "LOG", "INFO", "WARN", "ERROR"]);
/** Failures of one call that are told one by one. */
const MAX_FAILURES = 10;
const decoder = new TextDecoder();

export class PluginMessages {
  readonly #spec: PluginSpec;
  readonly #configs: ReadonlyMap<number, PluginConfig>;
  readonly #log: PluginLog;
  readonly #reports: PluginReports;
  readonly #linesPerSecond: number;
  #second = 0;
  #inSecond = 0;
  #dropped = 0;

  /** @param linesPerSecond of the plugin's own that its worker lets through */
  constructor(
    spec: PluginSpec,
    linesPerSecond: number,
    { log, reports }: { readonly log: PluginLog; readonly reports: PluginReports },
  ) {
    this.#spec = spec;
    this.#configs = new Map(spec.configs.map((config) => [config.id, config]));
    this.#log = log;
    this.#reports = reports;
    // The worker's seconds begin at other moments than these.
    this.#linesPerSecond = 2 * linesPerSecond;
  }

  /** Paddock's own words, in the log of every config. */
  system(type: PluginLogEntry["type"], message: string): void {
    for (const config of this.#spec.configs) this.#write(config, "SYSTEM", type, message);
  }

  /** Paddock's own words, in the log of one. */
  systemFor(configId: number, type: PluginLogEntry["type"], message: string): void {
    const config = this.#configs.get(configId);
    if (config !== undefined) this.#write(config, "SYSTEM", type, message);
  }

  /** What the plugin was refused to reach, and how that would change. */
  refused(host: string, { reason, remedy }: Pick<EgressRefusal, "reason" | "remedy">): void {
    const allowing = "grant" in remedy
      ? `To allow it: paddock plugins grant ${this.#spec.id} ${remedy.grant}`
      : `The bound is ${remedy.setting}`;
    this.system("WARN", `Plugin was refused to reach ${host}: ${reason}. ${allowing}`);
  }

  /** Lines of the plugin's own. What they claim came out of the fence, so all of it is checked. */
  lines(lines: readonly LogLine[]): void {
    for (const { configId, type, message } of lines) {
      const source = configId === null ? "PLUGIN" : "CONSOLE";
      const configs = configId === null ? this.#spec.configs : [this.#configs.get(configId)];
      for (const config of configs) {
        if (config === undefined || !this.#hasRoom()) continue;
        this.#write(config, source, TYPES.has(type) ? type : "LOG", String(message));
      }
    }
  }

  /** The plugin's error, in a config's log and error column. */
  failed(configId: number, error: PluginError, event?: Record<string, unknown>): void {
    const config = this.#configs.get(configId);
    if (config === undefined) return;
    const time = new Date().toISOString();
    this.#reports.failed(configId, { ...error, time, ...(event === undefined ? {} : { event }) });
    if (this.#hasRoom()) this.#write(config, "PLUGIN", "ERROR", error.stack ?? error.message);
  }

  /** The same, for what a result says of an event. */
  eventFailed(configId: number, text: Uint8Array, result: EventResult): void {
    let error: PluginError;
    try {
      error = claimedError(JSON.parse(decoder.decode(result.text)));
    } catch {
      error = { message: "an error that cannot be read" };
    }
    this.failed(configId, error, JSON.parse(decoder.decode(text)) as Record<string, unknown>);
  }

  /** What a called function did wrong; for the hooks of events, at most so much of one call. */
  hookFailed({ request: { hook, configId }, texts, outcome }: AnsweredCall): void {
    if (outcome.status === "failed") this.failed(configId, outcome.error);
    if (outcome.status !== "done") return;
    for (const { index, error } of outcome.failures.slice(0, MAX_FAILURES)) {
      this.failed(configId, error, JSON.parse(decoder.decode(texts[index])));
    }
    const more = outcome.failures.length - MAX_FAILURES;
    if (more > 0) this.systemFor(configId, "ERROR", `${hook} failed for ${more} more events.`);
  }

  /**
   * Whether another line of the plugin's may be logged within this second. Its worker holds it to
   * less, but that is in its own world; and errors of its events come one by one. The log is
   * everybody's: what one plugin fills, others lose.
   */
  #hasRoom(): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      const dropped = this.#dropped;
      [this.#second, this.#inSecond, this.#dropped] = [second, 0, 0];
      if (dropped > 0) this.system("WARN", `${dropped} lines of the plugin's were dropped.`);
    }
    if (this.#inSecond++ < this.#linesPerSecond) return true;
    this.#dropped++;
    return false;
  }

  #write(
    config: PluginConfig,
    source: PluginLogEntry["source"],
    type: PluginLogEntry["type"],
    message: string,
  ): void {
    this.#log.write({
      teamId: config.teamId,
      pluginId: config.pluginId,
      pluginConfigId: config.id,
      plugin: this.#spec.name,
      source,
      type,
      message,
    });
  }
}
