/** What people entered into the `secret` fields of plugins' forms. */
import type { JsonObject } from "../../events/types.ts";
import type { Queryable } from "../../stores/postgres/database.ts";
import { configFields } from "../source/manifest.ts";

/** Of all configs, disabled ones too: what they said when they ran is still there. */
export async function storedSecrets(database: Queryable): Promise<string[]> {
  const rows = await database.query<{ config: JsonObject; schema: unknown }>(
    `SELECT config.config, plugin.config_schema AS schema
     FROM posthog_pluginconfig AS config
     JOIN posthog_plugin AS plugin ON plugin.id = config.plugin_id
     WHERE plugin.config_schema::text LIKE '%"secret"%'`,
  );
  const values = rows.flatMap(({ config, schema }) =>
    configFields(schema).filter(({ secret }) => secret).map(({ key }) => config?.[key])
  );
  return [
    ...new Set(values.flatMap((value) => {
      if (typeof value === "string" && value !== "") return [value];
      return typeof value === "number" ? [String(value)] : [];
    })),
  ];
}
