import { storableText } from "../../events/storable_text.ts";
import { textArray } from "./binary_arrays.ts";
import type { Queryable } from "./database.ts";

/** What `meta.storage` does to `posthog_pluginstorage`. Values are JSON texts. */
export type StorageCommand =
  | { readonly op: "get" | "del"; readonly configId: number; readonly key: string }
  | {
    /** `init` leaves a value that is there. */
    readonly op: "set" | "init";
    readonly configId: number;
    readonly key: string;
    readonly value: string;
  }
  | {
    readonly op: "increment";
    readonly configId: number;
    readonly key: string;
    readonly by: number;
  };

type Written = Extract<StorageCommand, { op: "set" | "init" }>;
type Increment = Extract<StorageCommand, { op: "increment" }>;

/** The width of the table's key column. */
export const MAX_STORAGE_KEY = 200;

export class PluginStorage {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /**
   * All in order: commands of one kind that follow each other go in one statement. The answer of a
   * get is the JSON text or null, that of an increment the new number or, where there is no number,
   * null; that of any other is null.
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
    if (op === "increment") return await this.#increment(commands as readonly Increment[]);
    // One statement cannot write a row twice: of two values for one key the later one counts, or the
    // first where there may be one already.
    const written = commands as readonly Written[];
    const inOrder = op === "set" ? written : written.toReversed();
    const rows = [
      ...new Map(inOrder.map((row) => [`${row.configId} ${storableText(row.key)}`, row])).values(),
    ];
    await this.#database.query(
      `INSERT INTO posthog_pluginstorage (plugin_config_id, key, value)
       SELECT * FROM unnest($1::int[], $2::text[], $3::text[])
       ON CONFLICT (plugin_config_id, key) ${
        op === "set" ? "DO UPDATE SET value = excluded.value" : "DO NOTHING"
      }`,
      [
        rows.map(({ configId }) => configId),
        textArray(rows.map(({ key }) => storableText(key))),
        textArray(rows.map(({ value }) => storableText(value))),
      ],
    );
    return commands.map(() => null);
  }

  /** In one statement; what each one came to follows from the last and those behind it. */
  async #increment(commands: readonly Increment[]): Promise<(string | null)[]> {
    const nameOf = ({ configId, key }: Increment) => `${configId} ${storableText(key)}`;
    const sums = new Map<string, { configId: number; key: string; by: number }>();
    for (const command of commands) {
      const sum = sums.get(nameOf(command));
      if (sum !== undefined) sum.by += command.by;
      else sums.set(nameOf(command), { ...command, key: storableText(command.key) });
    }
    const rows = [...sums.values()];
    const changed = await this.#database.query<{ id: number; key: string; value: string }>(
      `UPDATE posthog_pluginstorage AS stored
       SET value = (stored.value::numeric + given.by::numeric)::text
       FROM unnest($1::int[], $2::text[], $3::float8[]) AS given (id, key, by)
       WHERE stored.plugin_config_id = given.id AND stored.key = given.key
         AND stored.value ~ '^-?[0-9]{1,15}([.][0-9]{1,15})?$'
       RETURNING stored.plugin_config_id AS id, stored.key, stored.value`,
      [
        rows.map(({ configId }) => configId),
        textArray(rows.map(({ key }) => key)),
        rows.map(({ by }) => by),
      ],
    );
    const latest = new Map(changed.map(({ id, key, value }) => [`${id} ${key}`, Number(value)]));
    const answers: (string | null)[] = [];
    for (const command of commands.toReversed()) {
      const value = latest.get(nameOf(command));
      answers.push(value === undefined ? null : String(value));
      if (value !== undefined) latest.set(nameOf(command), value - command.by);
    }
    return answers.toReversed();
  }
}
