import type { Database } from "../../src/stores/postgres/database.ts";

/** Installs a plugin from its text and enables it for a team. Returns the plugin config's id. */
export async function installPlugin(
  database: Database,
  plugin: {
    readonly name: string;
    readonly source: string;
    readonly teamId: number;
    readonly order?: number;
    readonly config?: Record<string, unknown>;
  },
): Promise<number> {
  const plugins = await database.query<{ id: number }>(
    `INSERT INTO posthog_plugin (
       organization_id, plugin_type, is_global, is_preinstalled, name, source, config_schema,
       capabilities, from_json, from_web, created_at, updated_at
     ) SELECT organization_id, 'source', false, false, $2, $3, '[]', '{}', false, false, now(), now()
     FROM posthog_team WHERE id = $1 RETURNING id`,
    [plugin.teamId, plugin.name, plugin.source],
  );
  const configs = await database.query<{ id: number }>(
    `INSERT INTO posthog_pluginconfig (
       team_id, plugin_id, enabled, "order", config, created_at, updated_at
     ) VALUES ($1, $2, true, $3, $4, now(), now()) RETURNING id`,
    [plugin.teamId, plugins[0]?.id, plugin.order ?? 1, JSON.stringify(plugin.config ?? {})],
  );
  return configs[0]?.id as number;
}
