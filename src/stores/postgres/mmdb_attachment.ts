/** The GeoIP database where PostHog keeps it: in the table of plugins' attachments. */
import type { Database } from "./database.ts";

const KEY = "@posthog/mmdb";

/** What of the attachment is known before its contents are read. */
export interface StoredMmdb {
  readonly id: number;
  readonly fileName: string;
}

export class MmdbAttachment {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The newest by its name, which ends in a date; null where there is none. */
  async find(): Promise<StoredMmdb | null> {
    const rows = await this.#database.query<StoredMmdb>(
      `SELECT id, file_name AS "fileName" FROM posthog_pluginattachment
       WHERE key = $1 AND team_id IS NULL AND plugin_config_id IS NULL AND contents IS NOT NULL
       ORDER BY file_name DESC, id DESC LIMIT 1`,
      [KEY],
    );
    return rows[0] ?? null;
  }

  /** Its contents: the database, compressed by Brotli. Nothing where it was replaced meanwhile. */
  async read(id: number): Promise<Uint8Array> {
    const rows = await this.#database.query<{ contents: Uint8Array }>(
      "SELECT contents FROM posthog_pluginattachment WHERE id = $1",
      [id],
    );
    return rows[0]?.contents ?? new Uint8Array();
  }

  /** Puts this one in the place of all others. */
  async replace(fileName: string, contents: Uint8Array): Promise<void> {
    await this.#database.transaction(async (tx) => {
      const [row] = await tx.query<{ id: number }>(
        `INSERT INTO posthog_pluginattachment
           (key, content_type, file_name, file_size, contents, team_id, plugin_config_id)
         VALUES ($1, 'vnd.maxmind.maxmind-db', $2, $3, $4, NULL, NULL) RETURNING id`,
        [KEY, fileName, contents.byteLength, contents],
      );
      await tx.query(
        `DELETE FROM posthog_pluginattachment
         WHERE key = $1 AND team_id IS NULL AND plugin_config_id IS NULL AND id <> $2`,
        [KEY, row?.id],
      );
    });
  }
}
