/**
 * What frames from a plugin host claim, as values that can be relied on. They come out of the fence:
 * a member that is missing or of another type is an error here, not a surprise further on.
 */
import type {
  ApiCall,
  LoadReport,
  LogLine,
  PluginError,
  SetupReport,
} from "../../../plugins_runtime/frames.ts";
import { MAX_NESTING, textNestsDeeper } from "../../events/nesting.ts";
import { claimedError } from "../../../plugins_runtime/hook_frames.ts";

/** Calls in one frame, at most; a worker keeps fewer. */
const MAX_CALLS = 20_000;
const MAX_METHOD = 100;
const MAX_MESSAGE = 20_000;

const TYPES = new Set<unknown>(["DEBUG", "LOG", "INFO", "WARN", "ERROR"]);
const decoder = new TextDecoder();

/** @throws Error where the payload is no list of calls */
export function readCalls(payload: Uint8Array): ApiCall[] {
  const calls = list(parse(payload), "calls");
  if (calls.length > MAX_CALLS) throw new RangeError(`${calls.length} calls at once`);
  return calls.map((claimed) => {
    const { configId, method, args } = object(claimed, "a call");
    if (!Number.isInteger(configId)) throw new TypeError("a call without a config");
    if (typeof method !== "string" || method.length > MAX_METHOD) {
      throw new TypeError("a call without a method");
    }
    return { configId: configId as number, method, args: list(args, "a call's arguments") };
  });
}

/** Lines that can be shown; of what is no line there is nothing to show. */
export function readLogLines(payload: Uint8Array): LogLine[] {
  return list(parse(payload), "log lines").map((claimed) => {
    const { configId, type, message } = object(claimed, "a log line");
    return {
      configId: Number.isInteger(configId) ? configId as number : null,
      type: TYPES.has(type) ? type as LogLine["type"] : "LOG",
      message: typeof message === "string" ? message.slice(0, MAX_MESSAGE) : "",
    };
  });
}

/** @throws Error where the payload is no object */
export function readLoadReport(payload: Uint8Array): LoadReport {
  const { error, methods, scheduledTasks, jobs, metrics } = object(
    parse(payload),
    "a load report",
  );
  return {
    error: errorOrNull(error),
    methods: texts(methods),
    scheduledTasks: texts(scheduledTasks),
    jobs: texts(jobs),
    metrics: textsByName(metrics),
  };
}

/** @throws Error where the payload names no config */
export function readSetupReport(payload: Uint8Array): SetupReport {
  const { configId, error } = object(parse(payload), "a setup report");
  if (!Number.isInteger(configId)) throw new TypeError("a setup report without a config");
  return { configId: configId as number, error: errorOrNull(error) };
}

/** A host that a plugin was refused in its own process. */
export interface RefusedHost {
  readonly host: string;
  /** 0 where it has none. */
  readonly port: number;
  /** For too many requests at a time, and not for want of a grant. */
  readonly isOverLimit: boolean;
}

/** Null where it names no host. */
export function readRefusedHost(payload: Uint8Array): RefusedHost | null {
  const { host, isOverLimit } = object(parse(payload), "a refusal");
  const [, name, port] = /^(.{1,300}?)(?::(\d{1,5}))?$/.exec(String(host)) ?? [];
  return name === undefined ? null : {
    host: name,
    port: Number(port ?? 0),
    isOverLimit: isOverLimit === true,
  };
}

function parse(payload: Uint8Array): unknown {
  if (textNestsDeeper(payload)) throw new RangeError(`it nests deeper than ${MAX_NESTING} levels`);
  return JSON.parse(decoder.decode(payload));
}

function errorOrNull(claimed: unknown): PluginError | null {
  return claimed === null || claimed === undefined ? null : claimedError(claimed);
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw new TypeError(`${what} is no object`);
  return value as Record<string, unknown>;
}

function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} are no list`);
  return value;
}

function textsByName(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === "string"));
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}
