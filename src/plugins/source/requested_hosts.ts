import type { Queryable } from "../../stores/postgres/database.ts";
import { BuildProcess } from "./build_process.ts";
import { type PluginSourceRow, readSource } from "./plugin_source.ts";

/**
 * Hosts that an installed plugin's manifest asks for.
 * @throws PaddockError where its code cannot be loaded
 */
export async function requestedHosts(
  database: Queryable,
  baseDir: string,
  pluginId: number,
): Promise<readonly string[]> {
  const [row] = await database.query<PluginSourceRow>(
    `SELECT id, name, organization_id AS "organizationId", is_global AS "isGlobal",
       plugin_type AS "pluginType", url, archive, source
     FROM posthog_plugin WHERE id = $1`,
    [pluginId],
  );
  await using builder = new BuildProcess();
  return (await builder.build(await readSource(row as PluginSourceRow, baseDir))).manifest.net;
}
