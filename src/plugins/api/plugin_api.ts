/** What plugins may ask of the server: their cache and their storage. */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../../telemetry/about.ts";
import { errorMessage } from "../../errors.ts";
import type { CacheCommand, CacheResult, PluginCache } from "../../stores/plugin_cache.ts";
import {
  MAX_STORAGE_KEY,
  type PluginStorage,
  type StorageCommand,
} from "../../stores/postgres/plugin_storage.ts";
import type { PluginApi, PluginCall, PluginCallResult, PluginConfig } from "../types.ts";
import { cacheCommand, cacheValue } from "./cache_call.ts";

/** A call that was understood, and what its answer means to the plugin. */
type Prepared =
  | {
    readonly store: "cache";
    readonly command: CacheCommand;
    read(result: CacheResult): PluginCallResult;
  }
  | {
    readonly store: "storage";
    readonly command: StorageCommand;
    read(value: string | null): PluginCallResult;
  }
  | { readonly store: null; readonly result: PluginCallResult };

/** Of a method's name, in a message. */
const MAX_METHOD = 100;

/** A stored value that is larger is refused. */
const MAX_STORAGE_VALUE = 10 * 1024 * 1024;

export class StoredPluginApi implements PluginApi {
  readonly #cache: PluginCache;
  readonly #storage: Pick<PluginStorage, "execute">;
  readonly #log = getLogger(["paddock", "plugins"]);

  constructor(cache: PluginCache, storage: Pick<PluginStorage, "execute">) {
    this.#cache = cache;
    this.#storage = storage;
  }

  /**
   * Safe to offer because a call acts only on keys and rows of a config that belongs to the process
   * that makes it: another id is refused, and neither store's key can be chosen freely.
   */
  async call(
    configs: ReadonlyMap<number, PluginConfig>,
    calls: readonly PluginCall[],
  ): Promise<PluginCallResult[]> {
    const prepared = calls.map((call) => prepare(configs, call));
    try {
      const cached = prepared.flatMap((each) => each.store === "cache" ? [each] : []);
      const stored = prepared.flatMap((each) => each.store === "storage" ? [each] : []);
      // Each store's own order is kept; between the two there is none to keep.
      const [cacheResults, storageResults] = await Promise.all([
        this.#cache.execute(cached.map(({ command }) => command)),
        this.#storage.execute(stored.map(({ command }) => command)),
      ]);
      const answers = new Map<Prepared, PluginCallResult>();
      cached.forEach((each, index) => {
        answers.set(each, each.read(cacheResults[index] ?? { ok: false, error: "no answer" }));
      });
      stored.forEach((each, index) => answers.set(each, each.read(storageResults[index] ?? null)));
      return prepared.map((each) =>
        each.store === null ? each.result : answers.get(each) ?? refused("no answer")
      );
    } catch (error) {
      const ids = new Set(calls.map(({ pluginConfigId }) => pluginConfigId));
      const about = [...ids].map((id) => ({
        configId: id,
        teamId: configs.get(id)?.teamId ?? null,
      }));
      aboutSeveral(this.#log, about).warn`calls of plugins failed: ${errorMessage(error)}`;
      return calls.map(() => refused("the store is not available now"));
    }
  }
}

/** Calls come out of the fence, so that anything may stand in their place. */
function prepare(configs: ReadonlyMap<number, PluginConfig>, call: PluginCall): Prepared {
  try {
    const config = configs.get(call.pluginConfigId);
    if (config === undefined) throw new Error("not a config of this plugin");
    const method = String(call.method);
    if (method.startsWith("cache.")) {
      const command = cacheCommand(config, call);
      return { store: "cache", command, read: (result) => cacheValue(call, result) };
    }
    if (method.startsWith("storage.")) return storageCall(config, call);
    throw new Error(`${method.slice(0, MAX_METHOD)} is not available`);
  } catch (error) {
    return { store: null, result: refused(errorMessage(error)) };
  }
}

function storageCall(config: PluginConfig, { method, args }: PluginCall): Prepared {
  const [given, value] = args;
  // Ids of other systems are used as keys as they are.
  const key = typeof given === "string" ? given : JSON.stringify(given ?? null);
  if (key.length > MAX_STORAGE_KEY) {
    throw new Error(`a storage key has ${key.length} characters; ${MAX_STORAGE_KEY} are allowed`);
  }
  const base = { configId: config.id, key };
  switch (method) {
    case "storage.get":
      return {
        store: "storage",
        command: { op: "get", ...base },
        read: (text) => ({ ok: true, value: text === null ? value ?? null : parsed(text) }),
      };
    case "storage.del":
      return { store: "storage", command: { op: "del", ...base }, read: () => done };
    case "storage.increment": {
      if (typeof value !== "number") throw new Error("a cursor is moved by a number");
      return {
        store: "storage",
        command: { op: "increment", ...base, by: value },
        read: (text) =>
          text === null
            ? refused(`there is no number under '${key}': call cursor.init before`)
            : { ok: true, value: Number(text) },
      };
    }
    case "storage.init":
      if (typeof value !== "number") throw new Error("a cursor begins with a number");
      return {
        store: "storage",
        command: { op: "init", ...base, value: JSON.stringify(value) },
        read: () => done,
      };
    case "storage.set": {
      const text = JSON.stringify(value ?? null);
      if (text.length > MAX_STORAGE_VALUE) {
        throw new Error(
          `a storage value has ${text.length} characters; ${MAX_STORAGE_VALUE} are allowed`,
        );
      }
      return { store: "storage", command: { op: "set", ...base, value: text }, read: () => done };
    }
    default:
      throw new Error(`${method} is not available`);
  }
}

const done: PluginCallResult = { ok: true, value: null };

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refused(error: string): PluginCallResult {
  return { ok: false, error };
}
