import type { StorageCommand } from "../../stores/postgres/plugin_storage.ts";

/** The storage of a plugin that is tried without a server, of its only config. */
export class MemoryPluginStorage {
  /** JSON texts. */
  readonly entries = new Map<string, string>();

  execute(commands: readonly StorageCommand[]): Promise<(string | null)[]> {
    return Promise.resolve(commands.map((command) => this.#run(command)));
  }

  #run(command: StorageCommand): string | null {
    const { key } = command;
    const text = this.entries.get(key) ?? null;
    switch (command.op) {
      case "get":
        return text;
      case "del":
        this.entries.delete(key);
        return null;
      case "init":
        if (text === null) this.entries.set(key, command.value);
        return null;
      case "set":
        this.entries.set(key, command.value);
        return null;
      case "increment": {
        if (text === null || !/^-?\d/.test(text)) return null;
        const value = String(Number(text) + command.by);
        this.entries.set(key, value);
        return value;
      }
    }
  }
}
