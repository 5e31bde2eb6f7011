import type { Database } from "../../src/stores/postgres/database.ts";
import type { Project } from "../../src/stores/postgres/first_project.ts";

/** Each adds a property: one asynchronously, one with state, one by returning a new object. */
const SOURCES = [
  `exports.processEvent = async (event) => {
    event.properties.first = await Promise.resolve(1);
    return event;
  }`,
  `exports.processEvent = (event, { global }) => {
    global.count = (global.count ?? 0) + 1;
    event.properties.second = global.count;
    return event;
  }`,
  `exports.processEvent = (event) => ({
    ...event,
    properties: { ...event.properties, third: true },
  })`,
];

/** Makes exactly the first `count` of them enabled, for every team. */
export async function installBenchPlugins(
  database: Database,
  project: Project,
  teams: readonly number[],
  count: number,
): Promise<void> {
  await database.query("DELETE FROM posthog_pluginlogentry");
  await database.query("DELETE FROM posthog_pluginconfig");
  await database.query("DELETE FROM posthog_plugin");
  for (const [index, source] of SOURCES.slice(0, count).entries()) {
    const rows = await database.query<{ id: number }>(
      `INSERT INTO posthog_plugin (
         organization_id, plugin_type, is_global, is_preinstalled, name, source, config_schema,
         capabilities, from_json, from_web, created_at, updated_at
       ) VALUES ($1, 'source', false, false, $2, $3, '[]', '{}', false, false, now(), now())
       RETURNING id`,
      [project.organizationId, `Bench ${index}`, source],
    );
    await database.query(
      `INSERT INTO posthog_pluginconfig (
         team_id, plugin_id, enabled, "order", config, created_at, updated_at
       ) SELECT team, $1, true, $2, '{}', now(), now() FROM unnest($3::int[]) AS team`,
      [rows[0]?.id, index, teams],
    );
  }
}
