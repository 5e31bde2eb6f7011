import { storableText } from "../../events/storable_text.ts";
import { textArray } from "./binary_arrays.ts";
import type { Queryable } from "./database.ts";

/** What `meta.storage` does to `posthog_pluginstorage`. Values are JSON texts. */
export type StorageCommand =
  | { readonly op: "get" | "del"; readonly configId: number; readonly key: string }
  | {
    readonly op: "set";
    readonly configId: number;
    readonly key: string;
    readonly value: string;
  };

/** The width of the table's key column. */
export const MAX_STORAGE_KEY = 200;

export class PluginStorage {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /**
   * All in order: commands of one kind that follow each other go in one statement. The answer of a
   * get is the JSON text or null, that of any other is null.
   */
  async execute(commands: readonly StorageCommand[]): Promise<(string | null)[]> {
    const answers: (string | null)[] = [];
    for (let at = 0; at < commands.length;) {
      const { op } = commands[at] as StorageCommand;
      let end = at + 1;
      while (end < commands.length && commands[end]?.op === op) end++;
      answers.push(...await this.#run(op, commands.slice(at, end)));
      at = end;
    }
    return answers;
  }

  async #run(
    op: StorageCommand["op"],
    commands: readonly StorageCommand[],
  ): Promise<(string | null)[]> {
    const ids = commands.map(({ configId }) => configId);
    const keys = commands.map(({ key }) => storableText(key));
    if (op === "get") {
      const rows = await this.#database.query<{ id: number; key: string; value: string | null }>(
        `SELECT stored.plugin_config_id AS id, stored.key, stored.value
         FROM unnest($1::int[], $2::text[]) AS wanted (id, key)
         JOIN posthog_pluginstorage AS stored
           ON stored.plugin_config_id = wanted.id AND stored.key = wanted.key`,
        [ids, textArray(keys)],
      );
      const found = new Map(rows.map((row) => [`${row.id} ${row.key}`, row.value]));
      return keys.map((key, index) => found.get(`${ids[index]} ${key}`) ?? null);
    }
    if (op === "del") {
      await this.#database.query(
        `DELETE FROM posthog_pluginstorage AS stored
         USING unnest($1::int[], $2::text[]) AS gone (id, key)
         WHERE stored.plugin_config_id = gone.id AND stored.key = gone.key`,
        [ids, textArray(keys)],
      );
      return commands.map(() => null);
    }
    // One statement cannot write a row twice: of two values for one key the later one counts.
    const latest = new Map(
      commands.map((command, index) => [`${ids[index]} ${keys[index]}`, command]),
    );
    const rows = [...latest.values()] as Extract<StorageCommand, { op: "set" }>[];
    await this.#database.query(
      `INSERT INTO posthog_pluginstorage (plugin_config_id, key, value)
       SELECT * FROM unnest($1::int[], $2::text[], $3::text[])
       ON CONFLICT (plugin_config_id, key) DO UPDATE SET value = excluded.value`,
      [
        rows.map(({ configId }) => configId),
        textArray(rows.map(({ key }) => storableText(key))),
        textArray(rows.map(({ value }) => storableText(value))),
      ],
    );
    return commands.map(() => null);
  }
}
