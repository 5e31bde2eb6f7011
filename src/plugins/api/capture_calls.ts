/** Events that plugins capture. */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../../telemetry/about.ts";
import { errorMessage } from "../../errors.ts";
import type { JsonObject, RawEvent } from "../../events/types.ts";
import { timeUuid, uuidFromText } from "../../events/uuid.ts";
import type { Inbox } from "../../sources/inbox.ts";
import type { PluginApi, PluginCall, PluginCallResult, PluginConfig } from "../types.ts";

/** Says how many captures led to an event, each by a plugin that saw the one before. */
export const DEPTH_PROPERTY = "$plugin_capture_depth";

const MAX_NAME = 200;
const DONE: PluginCallResult = { ok: true, value: null };

export interface CaptureOptions {
  /** A plugin that captures because of an event that was captured, and so on, is stopped here. */
  readonly maxDepth: number;
  /** Of one plugin config. */
  readonly maxPerMinute: number;
}

export const DEFAULT_CAPTURE: CaptureOptions = { maxDepth: 10, maxPerMinute: 100_000 };

/** Captures of one config in the minute that runs. */
interface Minute {
  began: number;
  count: number;
}

export class CaptureCalls implements PluginApi {
  readonly #inbox: Inbox;
  readonly #options: CaptureOptions;
  readonly #log = getLogger(["paddock", "plugins"]);
  readonly #minutes = new Map<number, Minute>();

  /** @param inbox where events enter, so that every plugin of the team sees these as well */
  constructor(inbox: Inbox, options: CaptureOptions = DEFAULT_CAPTURE) {
    this.#inbox = inbox;
    this.#options = options;
  }

  /**
   * Safe to offer because an event can only be captured for the team of the very config that asks:
   * team and uuid are not among the arguments. All of a frame's events are stored in one append, and
   * answered once they are durable.
   */
  async call(
    configs: ReadonlyMap<number, PluginConfig>,
    calls: readonly PluginCall[],
  ): Promise<PluginCallResult[]> {
    const read = calls.map((call): RawEvent | string => {
      try {
        return this.#event(configs, call);
      } catch (error) {
        return errorMessage(error);
      }
    });
    const events = read.filter((each) => typeof each !== "string");
    let failure: string | null = null;
    try {
      if (events.length > 0) await this.#inbox.append(events);
    } catch (error) {
      failure = "the event cannot be stored now";
      aboutSeveral(this.#log, events)
        .warn`${events.length} events of plugins were not stored: ${errorMessage(error)}`;
    }
    return read.map((each) => {
      if (typeof each === "string") return { ok: false, error: each };
      return failure === null ? DONE : { ok: false, error: failure };
    });
  }

  /**
   * What a plugin's worker sent, which need not be what our code in it would send. An event that was
   * captured while another was processed has an uuid that follows from that one, so that it is
   * captured once however often that is processed again.
   */
  #event(configs: ReadonlyMap<number, PluginConfig>, call: PluginCall): RawEvent {
    const config = configs.get(call.pluginConfigId);
    if (config === undefined) throw new Error("not a config of this plugin");
    const [name, given, distinctId, cause] = call.args;
    if (typeof name !== "string" || name === "" || name.length > MAX_NAME) {
      throw new Error(`capture: an event's name is a text of 1 to ${MAX_NAME} characters`);
    }
    const { uuid, ordinal, depth } = causeOf(cause);
    const { maxDepth } = this.#options;
    if (depth >= maxDepth) {
      throw new Error(
        `capture: '${name}' was not captured, as ${maxDepth} captures led to it, each by the one ` +
          "before: does a plugin capture for every event that it is given?",
      );
    }
    this.#count(config.id);
    const { timestamp: at, ...properties } = isObject(given) ? given : {};
    const timestamp = isDate(at) ? String(at) : new Date().toISOString();
    return {
      teamId: config.teamId,
      distinctId,
      ip: null,
      siteUrl: null,
      now: timestamp,
      sentAt: timestamp,
      data: {
        event: name,
        distinct_id: distinctId,
        timestamp,
        properties: { ...properties, [DEPTH_PROPERTY]: depth + 1 },
      },
      uuid: uuid === null ? timeUuid() : uuidFromText(`capture ${config.id} ${uuid} ${ordinal}`),
    };
  }

  /** @throws Error beyond the bound, which keeps one plugin from filling the disk */
  #count(configId: number): void {
    const now = performance.now();
    const minute = this.#minutes.get(configId);
    if (minute === undefined || now - minute.began >= 60_000) {
      this.#minutes.set(configId, { began: now, count: 1 });
    } else if (++minute.count > this.#options.maxPerMinute) {
      throw new Error(`capture: over ${this.#options.maxPerMinute} events a minute`);
    }
  }
}

function causeOf(
  cause: unknown,
): { readonly uuid: string | null; readonly ordinal: number; readonly depth: number } {
  const { uuid, ordinal, depth } = isObject(cause) ? cause : {};
  return {
    uuid: typeof uuid === "string" ? uuid.slice(0, 100) : null,
    ordinal: Number.isInteger(ordinal) ? ordinal as number : 0,
    depth: Number.isInteger(depth) ? Math.max(0, depth as number) : 0,
  };
}

function isDate(value: unknown): boolean {
  return typeof value === "string" && !Number.isNaN(Date.parse(value));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
