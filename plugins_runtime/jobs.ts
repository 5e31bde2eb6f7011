/** `meta.jobs`: work that a plugin asks to be done later, in a call of its own. */

// Captured before any plugin text.
const { stringify } = JSON;
const isFiniteNumber = Number.isFinite;
const DateClass = Date;

const SECOND = 1_000;
const DAY = 86_400 * SECOND;

/** Milliseconds in a unit. The server before took a month for thirty weeks. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ["millisecond", 1],
  ["second", SECOND],
  ["minute", 60 * SECOND],
  ["hour", 3_600 * SECOND],
  ["day", DAY],
  ["week", 7 * DAY],
  ["month", 30 * DAY],
  ["quarter", 91 * DAY],
  ["year", 365 * DAY],
]);

/** Of its JSON text. */
const MAX_PAYLOAD = 1_000_000;
const MAX_NAME = 200;

/** When a job is due: a moment (ms since 1970), or so many ms from now; neither is now. */
export interface JobDue {
  readonly at?: number;
  readonly in?: number;
}

/** Asks the server for a job. */
export type Enqueue = (name: string, payload: unknown, due: JobDue) => Promise<unknown>;

/** A job of a plugin, with its payload, before it is said when. */
export interface JobControls {
  runNow(): Promise<void>;
  runIn(duration: number, unit: string): Promise<void>;
  runAt(date: Date): Promise<void>;
}

/**
 * Any name gives a job; whether the plugin has one of that name shows when it is run. What cannot be
 * enqueued rejects with what is wrong with it.
 */
export function createJobs(
  enqueue: Enqueue,
): Record<string, (payload?: unknown) => JobControls> {
  const run = async (name: string, payload: unknown, due: JobDue) => {
    if (name === "__proto__" || name.length > MAX_NAME) {
      throw new Error(`a job cannot be named '${name.slice(0, MAX_NAME)}'`);
    }
    let text: string | undefined;
    try {
      text = stringify(payload);
    } catch (error) {
      throw new Error(`the payload of job '${name}' is not JSON: ${(error as Error)?.message}`);
    }
    if (payload !== undefined && text === undefined) {
      throw new Error(`the payload of job '${name}' is not JSON: it is a ${typeof payload}`);
    }
    if (text !== undefined && text.length > MAX_PAYLOAD) {
      throw new Error(
        `the payload of job '${name}' has ${text.length} characters; ${MAX_PAYLOAD} are allowed`,
      );
    }
    await enqueue(name, payload, due);
  };
  const controls = (name: string, payload: unknown): JobControls => ({
    runNow: () => run(name, payload, {}),
    runIn: async (duration, unit) => await run(name, payload, { in: milliseconds(duration, unit) }),
    runAt: async (date) => await run(name, payload, { at: moment(date) }),
  });
  return new Proxy({}, {
    // `then` would make of the jobs themselves something to be waited for.
    get: (_target, name) =>
      typeof name === "symbol" || name === "then"
        ? undefined
        : (payload?: unknown) => controls(name, payload),
  });
}

function milliseconds(duration: unknown, unit: unknown): number {
  const name = `${unit}`;
  const factor = UNITS.get(name.endsWith("s") ? name.slice(0, -1) : name);
  if (factor === undefined) throw new Error(`Unknown time unit: ${name.slice(0, MAX_NAME)}`);
  const number = typeof duration === "string" ? +duration : duration;
  if (typeof number !== "number" || !isFiniteNumber(number)) {
    throw new Error(`runIn needs a number of ${name}, not ${duration}`);
  }
  return number * factor;
}

function moment(date: unknown): number {
  const time = new DateClass(date as Date).getTime();
  if (!isFiniteNumber(time)) throw new Error(`runAt needs a valid date, not ${date}`);
  return time;
}
