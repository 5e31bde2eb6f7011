/** What a plugin's functions are given besides the event. */
import { Buffer } from "node:buffer";
import type { Calls, LogChannel } from "./channel.ts";
import type { LoadConfig, LogLine } from "./frames.ts";
import { createJobs, type JobControls } from "./jobs.ts";

interface SerializeOptions {
  readonly jsonSerialize?: boolean;
}

/** The `meta` argument. One per plugin config, the same at every call. */
export interface Meta {
  readonly config: Record<string, unknown>;
  readonly global: Record<string, unknown>;
  readonly attachments: Record<string, unknown>;
  readonly cache: Record<string, (...args: never[]) => Promise<unknown>>;
  readonly storage: Record<string, (...args: never[]) => Promise<unknown>>;
  readonly utils: Record<string, Record<string, (...args: never[]) => Promise<unknown>>>;
  readonly geoip: { locate(ip: string): Promise<unknown> };
  readonly jobs: Record<string, (payload?: unknown) => JobControls>;
  /** Set once the plugin's code has said what it counts, and before any of its functions is called. */
  metrics: Record<string, unknown>;
}

/**
 * The config is a copy that the plugin may write to: some assign to it, and the server before let
 * them without effect. Cache and storage reach the server as calls that name this config; the
 * server looks only at the rows of a config that belongs to this very process.
 */
export function createMeta(config: LoadConfig, calls: Calls): Meta {
  const call = (method: string) => (...args: unknown[]) => calls.call(config.id, method, args);
  const attachments = Object.fromEntries(
    Object.entries(config.attachments).map(([key, { contentType, fileName, contents }]) => [key, {
      content_type: contentType,
      file_name: fileName,
      contents: Buffer.from(contents, "base64"),
    }]),
  );
  return {
    config: config.config,
    global: {},
    attachments,
    cache: {
      get: (key: unknown, fallback: unknown, options?: SerializeOptions) =>
        call("cache.get")(key, fallback, options ?? null),
      set: (key: unknown, value: unknown, ttlSeconds?: number, options?: SerializeOptions) =>
        call("cache.set")(key, value, ttlSeconds ?? null, options ?? null),
      incr: call("cache.incr"),
      expire: call("cache.expire"),
      lpush: call("cache.lpush"),
      lrange: call("cache.lrange"),
      llen: call("cache.llen"),
      lrem: call("cache.lrem"),
      lpop: call("cache.lpop"),
    },
    storage: {
      get: call("storage.get"),
      // JSON has no undefined in a list, and undefined deletes.
      set: (key: unknown, value: unknown) =>
        value === undefined ? call("storage.del")(key) : call("storage.set")(key, value),
      del: call("storage.del"),
    },
    utils: {
      cursor: {
        init: (key: unknown, initialValue: number = 0) => call("storage.init")(key, initialValue),
        increment: (key: unknown, by: number = 1) => call("storage.increment")(key, by),
      },
    },
    geoip: { locate: call("geoip.locate") },
    jobs: createJobs(call("jobs.enqueue")),
    metrics: {},
  };
}

/** A console whose lines go to the plugin's log. */
export function createConsole(configId: number, log: LogChannel): Record<string, unknown> {
  const method = (type: LogLine["type"]) => (...args: unknown[]) => {
    log.write({ configId, type, message: args.map(printed).join(" ") });
  };
  return {
    debug: method("DEBUG"),
    log: method("LOG"),
    info: method("INFO"),
    warn: method("WARN"),
    error: method("ERROR"),
  };
}

/** Objects as JSON, anything else as text; what cannot be printed does not throw. */
function printed(value: unknown): string {
  try {
    const isPlain = Array.isArray(value) ||
      typeof value === "object" && value !== null && !(value instanceof Error) &&
        Object.prototype.toString.call(value) === "[object Object]";
    return isPlain ? JSON.stringify(value) : String(value);
  } catch {
    return "[not printable]";
  }
}
