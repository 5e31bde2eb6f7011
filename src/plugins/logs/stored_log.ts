/** The lines of plugins' logs, as they lie in `posthog_pluginlogentry`. */
import type { Queryable } from "../../stores/postgres/database.ts";

export interface StoredLine {
  readonly id: string;
  readonly timestamp: Date;
  readonly plugin: string | null;
  readonly pluginConfigId: number;
  readonly teamId: number;
  readonly source: string;
  readonly type: string;
  readonly message: string;
}

const SELECT = `
SELECT line.id, line."timestamp", plugin.name AS plugin,
  line.plugin_config_id AS "pluginConfigId", line.team_id AS "teamId", line.source, line.type,
  line.message
FROM posthog_pluginlogentry AS line
JOIN posthog_plugin AS plugin ON plugin.id = line.plugin_id`;

/**
 * The last lines, the oldest first.
 * @param pluginId null is of every plugin
 */
export async function lastLines(
  database: Queryable,
  pluginId: number | null,
  limit: number,
): Promise<StoredLine[]> {
  const rows = await database.query<StoredLine>(
    `${SELECT} WHERE $2::int IS NULL OR line.plugin_id = $2
     ORDER BY line."timestamp" DESC, line.id DESC LIMIT $1`,
    [limit, pluginId],
  );
  return rows.reverse();
}

/** Lines since a moment, it included, the oldest first. */
export async function linesSince(
  database: Queryable,
  pluginId: number | null,
  since: Date,
): Promise<StoredLine[]> {
  return await database.query<StoredLine>(
    `${SELECT} WHERE line."timestamp" >= $1 AND ($2::int IS NULL OR line.plugin_id = $2)
     ORDER BY line."timestamp", line.id`,
    [since, pluginId],
  );
}
