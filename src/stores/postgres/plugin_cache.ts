import { storableJsonText } from "../../events/storable_text.ts";
import type { CacheCommand, CacheResult, PluginCache } from "../plugin_cache.ts";
import type { Queryable } from "./database.ts";

/** The plugin cache in an unlogged table, for servers without Redis. */
export class PostgresPluginCache implements PluginCache {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async execute(commands: readonly CacheCommand[]): Promise<CacheResult[]> {
    if (commands.length === 0) return [];
    const rows = await this.#database.query<{ answers: CacheResult[] }>(
      { name: "cache_execute", text: "SELECT paddock.cache_execute($1::jsonb) AS answers" },
      [storableJsonText(commands)],
    );
    return rows[0]?.answers ?? [];
  }

  /** The database is its owner's to close. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
