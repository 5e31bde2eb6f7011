/** What plugins have done to events lately: for people who watch, so that it costs next to nothing. */
import { Buffer } from "node:buffer";
import { type EventResult, ResultStatus } from "../../../plugins_runtime/frames.ts";

/** One event that a plugin did something to. */
export interface RecentEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly outcome: "changed" | "dropped" | "failed";
  /** JSON texts of the event before and after the plugin; `after` is null for a dropped one. */
  readonly before: string;
  readonly after: string | null;
}

/** One plugin config's, since the start of this server. */
export interface ConfigActivity {
  readonly events: number;
  readonly changed: number;
  readonly dropped: number;
  readonly failed: number;
  /** How long its frames took all together, waiting for its process included. */
  readonly busyMs: number;
  readonly frames: number;
  /** The newest first. */
  readonly recent: readonly RecentEvent[];
}

/** Of each outcome so many events are kept, so far apart, each up to this size. */
const KEEP_EVERY_MS = 250;
const KEPT = 8;
const MAX_BYTES = 65_536;

interface Kept {
  readonly at: number;
  readonly outcome: RecentEvent["outcome"];
  readonly before: Buffer;
  readonly after: Buffer | null;
}

class Activity {
  events = 0;
  changed = 0;
  dropped = 0;
  failed = 0;
  busyMs = 0;
  frames = 0;
  readonly kept: Record<RecentEvent["outcome"], Kept[]> = { changed: [], dropped: [], failed: [] };
}

export class PluginActivity {
  readonly #configs = new Map<number, Activity>();

  /**
   * Counts a frame that came back.
   * @param texts of the events as they went in
   * @param results theirs, in the same order
   */
  passed(
    configId: number,
    texts: readonly Uint8Array[],
    results: readonly EventResult[],
    ms: number,
  ): void {
    const activity = this.#of(configId);
    activity.frames++;
    activity.events += results.length;
    activity.busyMs += ms;
    const last = new Map<RecentEvent["outcome"], number>();
    results.forEach(({ status }, index) => {
      const outcome = outcomeOf(status);
      if (outcome === null) return;
      activity[outcome]++;
      last.set(outcome, index);
    });
    // The last of the frame stands for all of it, so that looking costs nothing per event.
    for (const [outcome, index] of last) {
      keep(activity.kept[outcome], outcome, texts[index], results[index]);
    }
  }

  /** Null where nothing passed it yet. */
  get(configId: number): ConfigActivity | null {
    const activity = this.#configs.get(configId);
    if (activity === undefined) return null;
    const { kept, ...counts } = activity;
    const recent = Object.values(kept).flat().toSorted((one, other) => other.at - one.at);
    return {
      ...counts,
      recent: recent.map(({ at, outcome, before, after }) => ({
        at,
        outcome,
        before: before.toString(),
        after: after?.toString() ?? null,
      })),
    };
  }

  /** Failures of all configs. */
  get failed(): number {
    let failed = 0;
    for (const activity of this.#configs.values()) failed += activity.failed;
    return failed;
  }

  /** Forgets configs that are gone. */
  retain(configIds: ReadonlySet<number>): void {
    for (const id of this.#configs.keys()) if (!configIds.has(id)) this.#configs.delete(id);
  }

  #of(configId: number): Activity {
    let activity = this.#configs.get(configId);
    if (activity === undefined) this.#configs.set(configId, activity = new Activity());
    return activity;
  }
}

function outcomeOf(status: number): RecentEvent["outcome"] | null {
  switch (status) {
    case ResultStatus.Unchanged:
    case ResultStatus.PassedBy:
      return null;
    case ResultStatus.Changed:
      return "changed";
    case ResultStatus.Dropped:
      return "dropped";
    default:
      return "failed";
  }
}

/** Texts are parts of whole frames, so they are copied: a kept one would hold its frame. */
function keep(
  list: Kept[],
  outcome: RecentEvent["outcome"],
  before: Uint8Array | undefined,
  result: EventResult | undefined,
): void {
  if (before === undefined || result === undefined) return;
  const { status, text } = result;
  const isChanged = status === ResultStatus.Changed || status === ResultStatus.ChangedAndCorrected;
  const after = outcome === "dropped" ? null : isChanged ? text : before;
  if (before.byteLength > MAX_BYTES || (after?.byteLength ?? 0) > MAX_BYTES) return;
  const at = Date.now();
  // Under load the newest takes the place of the one before, so that the list spans some time.
  if (list[0] !== undefined && at - list[0].at < KEEP_EVERY_MS && list.length >= KEPT) list.shift();
  list.unshift({
    at,
    outcome,
    before: Buffer.from(before),
    after: after === null ? null : Buffer.from(after),
  });
  if (list.length > KEPT) list.pop();
}
