-- Every plugin config in force, each team's in its order.
SELECT
  config.id,
  config.team_id AS "teamId",
  config.plugin_id AS "pluginId",
  config."order",
  config.config,
  config.updated_at::text AS "updatedAt",
  team.organization_id AS "organizationId"
FROM posthog_pluginconfig AS config
JOIN posthog_team AS team ON team.id = config.team_id
JOIN posthog_organization AS organization ON organization.id = team.organization_id
JOIN posthog_plugin AS plugin ON plugin.id = config.plugin_id
WHERE config.enabled
  AND organization.plugins_access_level > 0
  AND (plugin.organization_id = team.organization_id OR plugin.is_global)
ORDER BY config.team_id, config."order", config.id
