/** Shows in the server's own log what plugins print and what they make of events. */
import { getLogger } from "@logtape/logtape";
import { aboutPlugin } from "../../telemetry/about.ts";
import { printable, printableLine } from "../../printable.ts";
import type { LoggedLine } from "../../telemetry/observer.ts";
import type { ConfigActivity, RecentEvent } from "../activity/plugin_activity.ts";
import { changes } from "../trial/difference.ts";

/** One plugin config that is shown. */
export interface ShownConfig {
  readonly configId: number;
  readonly teamId: number;
  readonly pluginId: number;
  readonly plugin: string;
}

export interface PrinterParts {
  readonly configs: () => readonly ShownConfig[];
  readonly activity: (configId: number) => ConfigActivity | null;
}

const LOOK_MS = 300;
const MAX_LINE = 500;

export class ChangePrinter {
  readonly #parts: PrinterParts;
  readonly #log = getLogger(["paddock", "plugin"]);
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #shown = new Map<number, RecentEvent["at"]>();

  constructor(parts: PrinterParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** A line of a plugin's log. */
  line({ pluginConfigId, type, message }: LoggedLine): void {
    const config = this.#parts.configs().find(({ configId }) => configId === pluginConfigId);
    if (config === undefined) return;
    const text = `${label(config)} ${type}: ${printable(message)}`;
    const log = aboutPlugin(this.#log, config);
    if (type === "ERROR") log.error(text);
    else if (type === "WARN") log.warn(text);
    else log.info(text);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The last event of each plugin stands for those before it. */
  #look(): void {
    for (const config of this.#parts.configs()) {
      const last = this.#parts.activity(config.configId)?.recent[0];
      if (last === undefined || last.at <= (this.#shown.get(config.configId) ?? 0)) continue;
      this.#shown.set(config.configId, last.at);
      aboutPlugin(this.#log, config).info(`${label(config)} ${shownEvent(last)}`);
    }
  }
}

function label({ plugin, configId }: ShownConfig): string {
  return `${printableLine(plugin)} (${configId})`;
}

/** What became of an event, and below it a line for each change. */
function shownEvent({ outcome, before, after }: RecentEvent): string {
  const [then, now] = [parsed(before), after === null ? null : parsed(after)];
  const { event, distinct_id: id } = (then ?? {}) as { event?: unknown; distinct_id?: unknown };
  const head = `${outcome} "${printableLine(String(event))}" by ${printableLine(String(id))}`;
  const lines = now === null ? [] : changes(then, now);
  return [head, ...lines.map((line) => `  ${printableLine(line, MAX_LINE)}`)].join("\n");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
