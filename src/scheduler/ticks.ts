/** When scheduled tasks are due. */

/** The functions of a plugin that are run by the clock; other names that begin so never are. */
export const SCHEDULED_TASKS = ["runEveryMinute", "runEveryHour", "runEveryDay"] as const;

export type ScheduledTask = (typeof SCHEDULED_TASKS)[number];

/**
 * The latest moment at or before `now` at which the task was due: the start of the minute, hour or
 * day, in the process's time zone. It names the tick, on every server the same.
 */
export function latestTick(task: ScheduledTask, now: Date): Date {
  const tick = new Date(now);
  tick.setSeconds(0, 0);
  if (task !== "runEveryMinute") tick.setMinutes(0);
  if (task === "runEveryDay") tick.setHours(0);
  return tick;
}

/** More ticks than this are not made up for at once. */
const MAX_TICKS = 60;

/** The ticks after one moment and until another, oldest first; of very many the latest. */
export function ticksBetween(task: ScheduledTask, after: Date, until: Date): Date[] {
  const ticks: Date[] = [];
  let tick = latestTick(task, until);
  while (tick > after && ticks.length < MAX_TICKS) {
    ticks.unshift(tick);
    // The moment before a tick belongs to the one before it.
    tick = latestTick(task, new Date(tick.getTime() - 1));
  }
  return ticks;
}

/** Ticks after the one that was run last and before this one. */
export function missedTicks(task: ScheduledTask, last: Date, tick: Date): number {
  const spanMs = { runEveryMinute: 60_000, runEveryHour: 3_600_000, runEveryDay: 86_400_000 }[task];
  return Math.max(0, Math.round((tick.getTime() - last.getTime()) / spanMs) - 1);
}
