/** `meta.cache` calls as commands of the store, with the rules of PostHog's plugin server 1.10. */
import { isObject } from "../../events/person_properties.ts";
import type { CacheCommand, CacheResult } from "../../stores/plugin_cache.ts";
import type { PluginCall, PluginCallResult, PluginConfig } from "../types.ts";

const MAX_KEY = 1_000;
const MAX_PUSHED = 1_000;
/** In one call, in UTF-16 units. */
const MAX_VALUE = 10 * 1024 * 1024;

/** @throws Error saying which argument is wrong */
export function cacheCommand(config: PluginConfig, { method, args }: PluginCall): CacheCommand {
  const [given, second, third] = args;
  const name = typeof given === "string" ? given : JSON.stringify(given ?? null);
  if (name.length > MAX_KEY) {
    throw new Error(`a cache key has ${name.length} characters; ${MAX_KEY} are allowed`);
  }
  const key = `@plugin/${config.pluginId}/${config.teamId}/${name}`;
  switch (method) {
    case "cache.get":
      return { op: "get", key };
    case "cache.set":
      return {
        op: "set",
        key,
        value: bounded(isRaw(args[3]) ? String(second) : JSON.stringify(second ?? null)),
        ttlSeconds: third ? integer(third, "the ttl") : null,
      };
    case "cache.incr":
      return { op: "incr", key };
    case "cache.expire":
      return { op: "expire", key, ttlSeconds: integer(second, "the ttl") };
    case "cache.lpush": {
      const values = Array.isArray(second) ? second : [second];
      if (values.length === 0 || values.length > MAX_PUSHED) {
        throw new Error(`lpush takes 1 to ${MAX_PUSHED} elements, not ${values.length}`);
      }
      return { op: "lpush", key, values: bounded(values.map(String)) };
    }
    case "cache.lrange":
      return {
        op: "lrange",
        key,
        start: integer(second, "the start"),
        stop: integer(third, "the end"),
      };
    case "cache.llen":
      return { op: "llen", key };
    case "cache.lrem":
      return { op: "lrem", key, count: integer(second, "the count"), value: String(third) };
    case "cache.lpop":
      return { op: "lpop", key, count: integer(second ?? 1, "the count") };
    default:
      throw new Error(`${method} is not available`);
  }
}

/** What the plugin sees: JSON parsed, its default for a miss. */
export function cacheValue({ method, args }: PluginCall, result: CacheResult): PluginCallResult {
  if (!result.ok) return result;
  const { value } = result;
  if (method === "cache.expire") return { ok: true, value: value === 1 };
  if (method === "cache.set") return { ok: true, value: null };
  if (method !== "cache.get") return { ok: true, value };
  if (value === null) return { ok: true, value: args[1] ?? null };
  if (isRaw(args[2])) return { ok: true, value };
  try {
    return { ok: true, value: JSON.parse(String(value)) };
  } catch {
    return { ok: true, value: null };
  }
}

function isRaw(options: unknown): boolean {
  return isObject(options) && options.jsonSerialize === false;
}

function bounded<T extends string | readonly string[]>(value: T): T {
  const length = typeof value === "string"
    ? value.length
    : value.reduce((sum, text) => sum + text.length, 0);
  if (length <= MAX_VALUE) return value;
  throw new Error(`a cached value has ${length} characters; ${MAX_VALUE} are allowed`);
}

function integer(value: unknown, what: string): number {
  const number = Math.round(Number(value));
  if (!Number.isSafeInteger(number) || Math.abs(number) >= 2 ** 31) {
    throw new Error(`${what} is not a number`);
  }
  return number;
}
