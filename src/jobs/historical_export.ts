/**
 * The job "Export historical events", which every plugin with `exportEvents` has: hands it the team's
 * stored events, ten minutes of them after the other, a hundred at a time. Each step is a job that
 * asks for the next only after it was exported, so that a crash repeats a step and skips none.
 *
 * How far it is lies in the plugin's own storage, under the keys that plugins know.
 */
import { isObject } from "../events/person_properties.ts";
import type { HookOutcome, PluginTarget } from "../pipeline/plugin_hooks.ts";
import type { PluginStorage } from "../stores/postgres/plugin_storage.ts";
import type { TimeSpan } from "../stores/postgres/events/stored_events.ts";
import { DONE, failedFor, type JobVerdict, verdictOf } from "./job_verdict.ts";
import type { RetryPolicy } from "./job_settings.ts";
import type { JobSink } from "./new_job.ts";

/** What a person, or a plugin, starts. */
export const START_JOB = "Export historical events";
/** One step of it. */
export const STEP_JOB = "exportEventsFromTheBeginning";

const RUNNING = "is_export_running";
const CURSOR = "timestamp_cursor";
const MIN = "min_timestamp";
const MAX = "max_timestamp";

const INTERVAL_MS = 600_000;
const EVENTS_PER_STEP = 100;
/** Of the progress bar in the plugin's log. */
const CELLS = 20;

interface Step {
  /** The start of its ten minutes. */
  readonly from: number;
  /** Events of them that are exported already. */
  readonly offset: number;
}

/** Where a team's stored events are read: Postgres or ClickHouse. Moments are ms since 1970. */
export interface EventHistory {
  /** Of the first and the last event; null where there are none. */
  bounds(teamId: number): Promise<{ readonly min: number; readonly max: number } | null>;
  /** Of the first event at or after another; null where there is none. */
  firstSince(teamId: number, since: number): Promise<number | null>;
  /** Events of a span, in a fixed order, as JSON texts of plugin events. */
  page(
    teamId: number,
    span: TimeSpan,
    place: { readonly offset: number; readonly limit: number },
  ): Promise<Uint8Array[]>;
}

export class HistoricalExport {
  readonly #events: EventHistory;
  readonly #storage: PluginStorage;
  readonly #queue: JobSink;
  readonly #policy: RetryPolicy;

  constructor(events: EventHistory, storage: PluginStorage, queue: JobSink, policy: RetryPolicy) {
    this.#events = events;
    this.#storage = storage;
    this.#queue = queue;
    this.#policy = policy;
  }

  /**
   * Begins an export, or ends the one that runs (`$operation: "stop"`).
   * @param attempt a second try goes on where the first was cut off
   */
  async start(target: PluginTarget, payload: unknown, attempt: number): Promise<JobVerdict> {
    const given = isObject(payload) ? payload : {};
    const { [RUNNING]: running } = await this.#read(target, [RUNNING]);
    if (given.$operation === "stop") {
      await this.#end(target);
      target.say("INFO", "The export of historical events was stopped.");
      return DONE;
    }
    if (running && attempt === 1) {
      target.say("INFO", "An export of historical events is running already.");
      return DONE;
    }
    const bounds = given.dateFrom === undefined || given.dateTo === undefined
      ? await this.#events.bounds(target.teamId)
      : null;
    const min = boundOf(given.dateFrom, "dateFrom") ?? bounds?.min;
    const max = boundOf(given.dateTo, "dateTo") ?? bounds?.max;
    if (min === undefined) return failedFor(undetermined("lower", "dateFrom"));
    if (max === undefined) return failedFor(undetermined("upper", "dateTo"));
    await this.#write(target, { [RUNNING]: true, [CURSOR]: min, [MIN]: min, [MAX]: max });
    await this.#next(target, { from: min, offset: 0 });
    return DONE;
  }

  /** One step. @param attempt which try it is, counted from one */
  async step(target: PluginTarget, payload: unknown, attempt: number): Promise<JobVerdict> {
    const stored = await this.#read(target, [CURSOR, MIN, MAX]);
    const [cursor, min, max] = [Number(stored[CURSOR]), Number(stored[MIN]), Number(stored[MAX])];
    const step = stepOf(payload, cursor);
    // Stopped, begun anew, or done already by a step that was run twice.
    if (!Number.isFinite(max) || cursor > step.from) return DONE;
    if (step.from > max) {
      await this.#end(target);
      target.say("INFO", "Done exporting all events");
      return DONE;
    }
    const to = Math.min(step.from + INTERVAL_MS, max + 1);
    const texts = await this.#events.page(target.teamId, { from: step.from, to }, {
      offset: step.offset,
      limit: EVENTS_PER_STEP,
    });
    if (texts.length > 0) {
      const outcome = await target.call("exportEvents", texts);
      const verdict = await this.#settle(target, texts, outcome, attempt);
      if (!verdict.isDone) return verdict;
    }
    const isFull = texts.length === EVENTS_PER_STEP;
    const next = isFull
      ? { from: step.from, offset: step.offset + texts.length }
      : { from: await this.#nextInterval(target.teamId, step.from, min) ?? max + 1, offset: 0 };
    // Before the cursor: a step that is run again once that has moved is taken for done.
    await this.#next(target, next);
    if (next.from !== step.from) {
      await this.#write(target, { [CURSOR]: next.from });
      sayProgress(target, step.from, Math.min(next.from, max), min, max);
    }
    return DONE;
  }

  /** What could not be exported for good is kept, and the export goes on behind it. */
  async #settle(
    target: PluginTarget,
    texts: readonly Uint8Array[],
    outcome: HookOutcome,
    attempt: number,
  ): Promise<JobVerdict> {
    const verdict = verdictOf(outcome, this.#policy, attempt + 1);
    if (verdict.isDone || !verdict.isCounted) return verdict;
    if (!verdict.isDead && attempt < this.#policy.attempts) return verdict;
    const { configId, teamId } = target;
    const { reason } = verdict;
    await this.#queue.enqueue([{ kind: "export", configId, teamId, texts, reason, isDead: true }]);
    target.say(
      "ERROR",
      `${texts.length} historical events were not exported and are kept for 'paddock jobs retry': ` +
        reason,
    );
    return DONE;
  }

  /** Ten minutes without any event are passed over, however many of them there are. */
  async #nextInterval(teamId: number, from: number, min: number): Promise<number | null> {
    const first = await this.#events.firstSince(teamId, from + INTERVAL_MS);
    return first === null ? null : min + Math.floor((first - min) / INTERVAL_MS) * INTERVAL_MS;
  }

  async #next(target: PluginTarget, step: Step): Promise<void> {
    const { configId, teamId } = target;
    const payload = JSON.stringify({
      timestampCursor: step.from,
      intraIntervalOffset: step.offset,
    });
    await this.#queue.enqueue([{ kind: "plugin", configId, teamId, name: STEP_JOB, payload }]);
  }

  async #read(
    { configId }: PluginTarget,
    keys: readonly string[],
  ): Promise<Record<string, unknown>> {
    const texts = await this.#storage.execute(
      keys.map((key) => ({ op: "get", configId, key })),
    );
    return Object.fromEntries(keys.map((key, index) => {
      const text = texts[index] ?? null;
      return [key, text === null ? undefined : JSON.parse(text)];
    }));
  }

  async #write({ configId }: PluginTarget, values: Record<string, unknown>): Promise<void> {
    await this.#storage.execute(
      Object.entries(values).map(([key, value]) => ({
        op: "set",
        configId,
        key,
        value: JSON.stringify(value),
      })),
    );
  }

  async #end({ configId }: PluginTarget): Promise<void> {
    await this.#storage.execute(
      [RUNNING, MAX].map((key) => ({ op: "del", configId, key })),
    );
  }
}

/** A step as it was asked for; one that the server before left goes on at the cursor. */
function stepOf(payload: unknown, cursor: number): Step {
  const given = isObject(payload) ? payload : {};
  const { timestampCursor, intraIntervalOffset } = given;
  return {
    from: typeof timestampCursor === "number" ? timestampCursor : cursor,
    offset: typeof intraIntervalOffset === "number" ? intraIntervalOffset : 0,
  };
}

function boundOf(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const moment = new Date(String(value)).getTime();
  if (!Number.isFinite(moment)) throw new Error(`'${name}' is not a date: ${String(value)}`);
  return moment;
}

function undetermined(bound: "lower" | "upper", name: string): string {
  return `Unable to determine the ${bound} timestamp bound for the export automatically. ` +
    `Please specify a '${name}' value.`;
}

/** Said only when another cell is full. */
function sayProgress(
  target: PluginTarget,
  from: number,
  to: number,
  min: number,
  max: number,
): void {
  const share = (moment: number) => max === min ? 1 : (moment - min) / (max - min);
  const cells = Math.floor(share(to) * CELLS);
  if (cells === Math.floor(share(from) * CELLS)) return;
  const bar = "■".repeat(cells) + "□".repeat(CELLS - cells);
  target.say("INFO", `Export progress: ${bar} (${Math.round(share(to) * 100)} %)`);
}
