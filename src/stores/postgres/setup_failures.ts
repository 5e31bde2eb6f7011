/** On which servers plugin configs cannot be set up: one that cannot be on any is disabled. */
import type { Database } from "./database.ts";

/** Rows of servers that are gone are kept for so long. */
const KEPT = "1 day";

const NOTE = `
INSERT INTO paddock.plugin_setup_failure (plugin_config_id, server_id, version)
VALUES ($1, $2, $3)
ON CONFLICT (plugin_config_id, server_id) DO UPDATE
SET version = excluded.version, failed_at = now()`;

/** Without touching updated_at, which is what a reload looks at. */
const DISABLE = `
UPDATE posthog_pluginconfig AS config SET enabled = false
WHERE config.id = $1 AND config.enabled AND NOT EXISTS (
  SELECT FROM paddock.server AS live
  WHERE live.expires_at > now() AND NOT EXISTS (
    SELECT FROM paddock.plugin_setup_failure AS failure
    WHERE failure.plugin_config_id = config.id AND failure.server_id = live.id
      AND failure.version = $2
  )
)
RETURNING config.id`;

export class SetupFailures {
  readonly #database: Database;
  readonly #serverId: string;

  /** @param serverId as in `paddock.server` */
  constructor(database: Database, serverId: string) {
    this.#database = database;
    this.#serverId = serverId;
  }

  /**
   * Notes that a config cannot be set up here, and disables it if it cannot be on any live server.
   * @returns whether it was disabled
   */
  async note(configId: number, version: string): Promise<boolean> {
    return await this.#database.transaction(async (tx) => {
      // One server after the other, so that the last one sees what all others noted.
      await tx.query("SELECT id FROM posthog_pluginconfig WHERE id = $1 FOR UPDATE", [configId]);
      await tx.query(
        "DELETE FROM paddock.plugin_setup_failure WHERE failed_at < now() - $1::interval",
        [KEPT],
      );
      await tx.query(NOTE, [configId, this.#serverId, version]);
      return (await tx.query(DISABLE, [configId, version])).length > 0;
    });
  }

  /** They were set up here after all. */
  async forget(configIds: readonly number[]): Promise<void> {
    await this.#database.query(
      `DELETE FROM paddock.plugin_setup_failure
       WHERE plugin_config_id = ANY ($1::int[]) AND server_id = $2`,
      [configIds, this.#serverId],
    );
  }
}
