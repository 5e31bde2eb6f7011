/** Calls of a plugin's functions that do not change events. */
import { causedBy } from "./capture.ts";
import { flushFrames, fromBytes, sendFrame } from "./channel.ts";
import { encodeFrame, FrameType, type PluginError } from "./frames.ts";
import type { HookReport, HookRequest } from "./hook_frames.ts";
import { type PluginExports, RetryError } from "./load.ts";
import { readError } from "./plugin_error.ts";

// Captured before any plugin text.
const now = performance.now.bind(performance);
const hasOwn = Object.hasOwn;
const cut = Function.prototype.call.bind(String.prototype.slice) as (
  text: string,
  start: number,
  end: number,
) => string;

/** A sign of life is sent after so long, as plain functions are called in a row. */
const SIGN_MS = 20;

/** After so many timeouts within one call the other events of it are given up. */
const MAX_TIMEOUTS = 3;

/** Errors of one call that are told in full; the server shows no more of them. */
const FULL_ERRORS = 10;

type Hook = (...args: unknown[]) => unknown;

/** What a call works on. */
export interface HookScope {
  readonly exports: PluginExports;
  readonly meta: unknown;
  readonly pluginName: string;
  readonly tasksPerWorker: number;
  /** Runs a function of the plugin against the clock. */
  limited(name: string, run: () => unknown): Promise<unknown>;
}

/** The answer of a config that is not set up. */
export const NOT_READY: HookReport = {
  isReady: false,
  error: null,
  isRetryable: false,
  failures: [],
};

/** Never rejects: what the plugin does is in the report. */
export async function callHook(
  scope: HookScope,
  request: HookRequest,
  texts: readonly Uint8Array[],
): Promise<HookReport> {
  try {
    const { hook } = request;
    if (hook === "onEvent" || hook === "onSnapshot") {
      return report({ failures: await forEach(scope, functionOf(scope, hook), hook, texts) });
    }
    if (hook === "exportEvents") {
      const run = functionOf(scope, hook);
      const events: unknown[] = [];
      for (let i = 0; i < texts.length; i++) events[i] = fromBytes(texts[i] as Uint8Array);
      await scope.limited(hook, () => run(events, scope.meta));
    } else if (hook === "job") {
      const run = jobOf(scope, request);
      const payload = texts[0] === undefined ? undefined : fromBytes(texts[0]);
      // Without a payload the plugin gets its meta first, as it always did.
      await scope.limited(
        `job '${request.job}'`,
        () => payload ? run(payload, scope.meta) : run(scope.meta),
      );
    } else {
      const run = functionOf(scope, hook);
      await scope.limited(hook, () => run(scope.meta));
    }
    return report({});
  } catch (error) {
    return report({ error: readError(error), isRetryable: isRetryable(error) });
  }
}

function report(found: Partial<HookReport>): HookReport {
  return { isReady: true, error: null, isRetryable: false, failures: [], ...found };
}

function functionOf({ exports }: HookScope, name: string): Hook {
  const found = hasOwn(exports, name) ? exports[name] : undefined;
  if (typeof found !== "function") throw new TypeError(`there is no function ${name}`);
  return found as Hook;
}

/** By its own name only: `constructor` and `__proto__` are no jobs. */
function jobOf({ exports, pluginName }: HookScope, { job, configId }: HookRequest): Hook {
  const name = job ?? "";
  const { jobs } = exports;
  const found = typeof jobs === "object" && jobs !== null && hasOwn(jobs, name)
    ? (jobs as Record<string, unknown>)[name]
    : undefined;
  if (typeof found !== "function") {
    throw new Error(
      `Task "${name}" not found for plugin "${pluginName}" with config id ${configId}`,
    );
  }
  return found as Hook;
}

/** One call per event, up to the allowed number at once. */
async function forEach(
  { meta, tasksPerWorker, limited }: HookScope,
  hook: Hook,
  name: string,
  texts: readonly Uint8Array[],
): Promise<{ index: number; error: PluginError }[]> {
  const failures: { index: number; error: PluginError }[] = [];
  let next = 0;
  let timeouts = 0;
  let signed = now();
  const run = async () => {
    while (next < texts.length) {
      const index = next++;
      if (timeouts >= MAX_TIMEOUTS) {
        const message = `passed by after ${MAX_TIMEOUTS} timeouts in a row`;
        failures[failures.length] = { index, error: { message } };
        continue;
      }
      try {
        const event = fromBytes(texts[index] as Uint8Array) as Record<string, unknown>;
        const returned = causedBy(event, () => hook(event, meta));
        if (isThenable(returned)) await limited(name, () => returned);
      } catch (error) {
        const read = readError(error);
        if (read.name === "TimeoutError") timeouts++;
        failures[failures.length] = {
          index,
          error: failures.length < FULL_ERRORS ? read : { message: cut(read.message, 0, 200) },
        };
      }
      if (now() - signed > SIGN_MS) {
        sendFrame(encodeFrame(FrameType.Pong, 1));
        flushFrames();
        signed = now();
      }
    }
  };
  const tasks: Promise<void>[] = [];
  const count = Math.min(tasksPerWorker, texts.length);
  for (let task = 0; task < count; task++) tasks[task] = run();
  for (let task = 0; task < count; task++) await tasks[task];
  return failures;
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** A RetryError of any copy of the class, and what did not come to an end. */
function isRetryable(error: unknown): boolean {
  try {
    return error instanceof RetryError ||
      typeof error === "object" && error !== null &&
        ((error as Error).name === "RetryError" || (error as Error).name === "TimeoutError");
  } catch {
    return false;
  }
}
