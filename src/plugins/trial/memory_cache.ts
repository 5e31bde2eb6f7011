import type { CacheCommand, CacheResult, PluginCache } from "../../stores/plugin_cache.ts";

/** The plugin cache of a plugin that is tried without a server: as Redis does it, but nothing expires. */
export class MemoryPluginCache implements PluginCache {
  readonly entries = new Map<string, string | string[]>();

  execute(commands: readonly CacheCommand[]): Promise<CacheResult[]> {
    return Promise.resolve(commands.map((command) => {
      try {
        return { ok: true, value: this.#run(command) };
      } catch (error) {
        return { ok: false, error: (error as Error).message };
      }
    }));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #run(command: CacheCommand): string | number | readonly string[] | null {
    const { key } = command;
    switch (command.op) {
      case "get":
        return this.#text(key);
      case "set":
        this.entries.set(key, command.value);
        return "OK";
      case "incr": {
        const text = this.#text(key) ?? "0";
        if (!/^-?\d+$/.test(text)) throw new Error("ERR value is not an integer or out of range");
        this.entries.set(key, String(Number(text) + 1));
        return Number(text) + 1;
      }
      case "expire":
        return this.entries.has(key) ? 1 : 0;
      case "lpush":
        return this.#keep(key, [...command.values.toReversed(), ...this.#list(key)]);
      case "lrange": {
        const list = this.#list(key);
        const place = (index: number) => index < 0 ? Math.max(0, list.length + index) : index;
        const isBefore = command.stop < -list.length;
        return isBefore ? [] : list.slice(place(command.start), place(command.stop) + 1);
      }
      case "llen":
        return this.#list(key).length;
      case "lrem": {
        const { count, value } = command;
        const list = count < 0 ? this.#list(key).toReversed() : this.#list(key);
        let left = count === 0 ? Infinity : Math.abs(count);
        const kept = list.filter((each) => each !== value || left-- <= 0);
        this.#keep(key, count < 0 ? kept.toReversed() : kept);
        return list.length - kept.length;
      }
      case "lpop": {
        const list = this.#list(key);
        if (list.length === 0) return null;
        this.#keep(key, list.slice(command.count));
        return list.slice(0, command.count);
      }
    }
  }

  #text(key: string): string | null {
    const entry = this.entries.get(key) ?? null;
    if (Array.isArray(entry)) throw new Error(WRONG_TYPE);
    return entry;
  }

  #list(key: string): readonly string[] {
    const entry = this.entries.get(key) ?? [];
    if (!Array.isArray(entry)) throw new Error(WRONG_TYPE);
    return entry;
  }

  /** An empty list is none. */
  #keep(key: string, list: readonly string[]): number {
    if (list.length === 0) this.entries.delete(key);
    else this.entries.set(key, [...list]);
    return list.length;
  }
}

const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
