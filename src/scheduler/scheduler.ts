/**
 * Runs plugins' scheduled tasks: on one server of the cluster at a time, each tick once, never two
 * runs of one task of a plugin config at the same time.
 */
import { getLogger } from "@logtape/logtape";
import { aboutTarget } from "../telemetry/about.ts";
import { errorMessage } from "../errors.ts";
import type { HookOutcome } from "../pipeline/plugin_hooks.ts";
import type { LeaseStore } from "../stores/lease.ts";
import { HeldLease } from "./held_lease.ts";
import {
  latestTick,
  missedTicks,
  SCHEDULED_TASKS,
  type ScheduledTask,
  ticksBetween,
} from "./ticks.ts";

/** The lock that the server before takes for the same, so that the two never both run. */
export const SCHEDULE_LOCK = "plugin-server:locks:schedule";

/** A plugin config, as far as it has scheduled tasks. */
export interface ScheduledPlugin {
  readonly configId: number;
  readonly teamId: number;
  readonly spec: { readonly id: number; readonly name: string };
  /** Names of what it exports; null until its code was loaded once. */
  readonly exports: { readonly scheduled_tasks: readonly string[] } | null;
  load(): void;
  call(hook: string, texts: readonly Uint8Array[]): Promise<HookOutcome>;
  say(type: "INFO" | "WARN" | "ERROR", message: string): void;
}

/** Where ticks are recorded. */
export interface TickStore {
  /** The clock that all servers share. */
  now(): Promise<Date>;
  /** The latest tick of each that was run, where there was any. */
  last(
    owners: readonly { readonly configId: number; readonly task: string }[],
  ): Promise<{ readonly configId: number; readonly task: string; readonly tick: Date }[]>;
  claim(
    ticks: readonly { readonly configId: number; readonly task: string; readonly tick: Date }[],
  ): Promise<
    { readonly configId: number; readonly task: string; readonly lastTick: Date | null }[]
  >;
  finished(runs: readonly { readonly configId: number; readonly task: string }[]): Promise<void>;
  leave(): Promise<void>;
}

export interface SchedulerParts {
  readonly leases: LeaseStore;
  readonly ticks: TickStore;
  readonly plugins: { all(): readonly ScheduledPlugin[] };
}

export interface SchedulerOptions {
  /** SCHEDULE_LOCK_TTL, in ms. */
  readonly lockTtlMs: number;
  /** How often the clock is looked at. */
  readonly lookMs: number;
}

/** One scheduled task of one plugin config, while this server is the one that runs them. */
interface Schedule {
  readonly configId: number;
  readonly task: ScheduledTask;
  /** The latest tick that was looked at. */
  seen: Date;
  /** Ticks to be run, one after the other. */
  readonly waiting: Date[];
}

export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #options: SchedulerOptions;
  readonly #lease: HeldLease;
  readonly #runs = new Set<Promise<void>>();
  readonly #log = getLogger(["paddock", "scheduler"]);
  /** By `config task`; begun anew whenever the lease is taken. */
  readonly #schedules = new Map<string, Schedule>();
  /** What runs here now, by the same names. */
  readonly #running = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Since when each plugin config has been in force here, by the shared clock. */
  readonly #since = new Map<number, Date>();
  #unavailable: string | null = null;

  constructor(parts: SchedulerParts, options: SchedulerOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#lease = new HeldLease(
      parts.leases,
      { name: SCHEDULE_LOCK, ttlMs: options.lockTtlMs },
      (isHeld) => {
        this.#schedules.clear();
        if (isHeld) this.#log.info`scheduled tasks are run by this server`;
      },
    );
  }

  /** Whether this server is the one that runs scheduled tasks. */
  get isLeader(): boolean {
    return this.#lease.isHeld;
  }

  /** Why nothing can be run now, or null. */
  get unavailable(): string | null {
    return this.#unavailable;
  }

  start(): void {
    this.#lease.start();
    this.#next();
  }

  /** Begins no more runs, lets another server begin them, and waits for those under way. */
  async stop(patienceMs: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    await this.#lease.stop();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patienceMs);
    await Promise.race([Promise.all(this.#runs), promise]);
    clearTimeout(timer);
    await this.#parts.ticks.leave().catch((error) =>
      this.#log.warn`runs count as under way until this server counts as dead: ${
        errorMessage(error)
      }`
    );
  }

  #next(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => this.#next());
    }, this.#options.lookMs);
  }

  async #look(): Promise<void> {
    // What has no such task is most of what there is.
    const plugins = this.#parts.plugins.all().filter(({ exports }) =>
      exports === null || exports.scheduled_tasks.length > 0
    );
    const isNew = plugins.some(({ configId }) => !this.#since.has(configId));
    if (!isNew && !this.#lease.isHeld) return;
    try {
      const now = await this.#parts.ticks.now();
      const ids = new Set(plugins.map(({ configId }) => configId));
      for (const id of this.#since.keys()) if (!ids.has(id)) this.#since.delete(id);
      for (const id of ids) if (!this.#since.has(id)) this.#since.set(id, now);
      if (!this.#lease.isHeld) return;
      await this.#enlist(plugins, now);
      await this.#begin();
      this.#unavailable = null;
    } catch (error) {
      if (this.#unavailable === null) {
        this.#log.warn`scheduled tasks are not run: ${errorMessage(error)}`;
      }
      this.#unavailable = errorMessage(error);
    }
  }

  /** Notes what became due since the last look. */
  async #enlist(plugins: readonly ScheduledPlugin[], now: Date): Promise<void> {
    const fresh: Schedule[] = [];
    const inForce = new Set<string>();
    for (const plugin of plugins) {
      // The one server that runs the tasks has to know of all of them.
      if (plugin.exports === null) plugin.load();
      for (const task of SCHEDULED_TASKS) {
        if (!plugin.exports?.scheduled_tasks.includes(task)) continue;
        const { configId } = plugin;
        const key = keyOf({ configId, task });
        inForce.add(key);
        const schedule = this.#schedules.get(key);
        if (schedule === undefined) fresh.push({ configId, task, seen: now, waiting: [] });
        else this.#notice(schedule, now);
      }
    }
    for (const key of this.#schedules.keys()) if (!inForce.has(key)) this.#schedules.delete(key);
    if (fresh.length > 0) await this.#takeOver(fresh, now);
  }

  #notice(schedule: Schedule, now: Date): void {
    const tick = latestTick(schedule.task, now);
    // A clock that went back brings no new ticks: those minutes have had theirs.
    if (tick <= schedule.seen) return;
    schedule.seen = tick;
    // As long as a run goes on, the next is skipped; what waits for its turn is run after it.
    if (!this.#running.has(keyOf(schedule)) || schedule.waiting.length > 0) {
      schedule.waiting.push(tick);
    }
  }

  /**
   * What the server before this one did not come to any more, if this one ran already then: what was
   * due before is not made up for.
   */
  async #takeOver(schedules: readonly Schedule[], now: Date): Promise<void> {
    const last = new Map(
      (await this.#parts.ticks.last(schedules)).map((each) => [keyOf(each), each.tick]),
    );
    for (const schedule of schedules) {
      const since = this.#since.get(schedule.configId) ?? now;
      const run = last.get(keyOf(schedule));
      const after = run !== undefined && run > since ? run : since;
      schedule.waiting.push(...ticksBetween(schedule.task, after, now));
      schedule.seen = latestTick(schedule.task, now);
      this.#schedules.set(keyOf(schedule), schedule);
    }
  }

  /** Begins what waits and may be run, in one statement. */
  async #begin(): Promise<void> {
    const due = [...this.#schedules.values()].flatMap((schedule) => {
      const [tick] = schedule.waiting;
      return tick === undefined || this.#running.has(keyOf(schedule)) ? [] : [{ schedule, tick }];
    });
    if (due.length === 0) return;
    const claimed = await this.#parts.ticks.claim(
      due.map(({ schedule: { configId, task }, tick }) => ({ configId, task, tick })),
    );
    const mine = new Map(claimed.map((each) => [keyOf(each), each.lastTick]));
    for (const { schedule, tick } of due) {
      schedule.waiting.shift();
      const lastTick = mine.get(keyOf(schedule));
      // Run by somebody already, or the run before it goes on elsewhere.
      if (lastTick === undefined) continue;
      const plugin = this.#parts.plugins.all().find(({ configId }) =>
        configId === schedule.configId
      );
      if (plugin === undefined) continue;
      const missed = lastTick === null ? 0 : missedTicks(schedule.task, lastTick, tick);
      if (missed > 0) {
        plugin.say("WARN", `${schedule.task}: ${missed} runs before this one were skipped.`);
      }
      this.#running.add(keyOf(schedule));
      // The lease may be gone by now; what was claimed is recorded, so nobody else runs it.
      const run: Promise<void> = this.#run(plugin, schedule.task).finally(() => {
        this.#running.delete(keyOf(schedule));
        this.#runs.delete(run);
      });
      this.#runs.add(run);
    }
  }

  async #run(plugin: ScheduledPlugin, task: ScheduledTask): Promise<void> {
    const { configId } = plugin;
    const outcome = await plugin.call(task, []);
    // An error of the plugin's is in its log.
    if (outcome.status === "unavailable" || outcome.status === "crashed") {
      plugin.say("WARN", `${task} was not run to its end: ${outcome.reason}.`);
    }
    while (!this.#stopped) {
      try {
        await this.#parts.ticks.finished([{ configId, task }]);
        return;
      } catch (error) {
        aboutTarget(this.#log, plugin)
          .warn`the end of ${task} of plugin config ${configId} was not recorded: ${
          errorMessage(error)
        }`;
        await new Promise((resolve) => setTimeout(resolve, this.#options.lookMs));
      }
    }
  }
}

function keyOf({ configId, task }: { readonly configId: number; readonly task: string }): string {
  return `${configId} ${task}`;
}
