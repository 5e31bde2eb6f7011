import { storableJsonText, storableText } from "../../events/storable_text.ts";
import type { CacheCommand, CacheResult, PluginCache } from "../plugin_cache.ts";
import { textArray } from "./binary_arrays.ts";
import type { Queryable } from "./database.ts";

const GET = {
  name: "cache_get",
  text: `SELECT key, value FROM paddock.cache
    WHERE key = ANY ($1::text[]) AND (expires_at IS NULL OR expires_at > now())`,
};

const EXECUTE = {
  name: "cache_execute",
  text: "SELECT paddock.cache_execute($1::jsonb) AS answers",
};

const MISS: CacheResult = { ok: true, value: null };
const IS_LIST: CacheResult = { ok: false, error: "WRONGTYPE the value is a list" };

/** The plugin cache in an unlogged table, for servers without Redis. */
export class PostgresPluginCache implements PluginCache {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async execute(commands: readonly CacheCommand[]): Promise<CacheResult[]> {
    if (commands.length === 0) return [];
    if (commands.every(({ op }) => op === "get")) {
      return await this.#get(commands.map(({ key }) => storableText(key)));
    }
    const rows = await this.#database.query<{ answers: CacheResult[] }>(
      EXECUTE,
      [storableJsonText(commands)],
    );
    return rows[0]?.answers ?? [];
  }

  /** What most plugins ask for most of the time, without a lock and without JSON. */
  async #get(keys: readonly string[]): Promise<CacheResult[]> {
    const rows = await this.#database.query<{ key: string; value: string | null }>(
      GET,
      [textArray([...new Set(keys)])],
    );
    const found = new Map<string, CacheResult>(rows.map(({ key, value }) => [
      key,
      value === null ? IS_LIST : { ok: true, value },
    ]));
    return keys.map((key) => found.get(key) ?? MISS);
  }

  /** The database is its owner's to close. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
