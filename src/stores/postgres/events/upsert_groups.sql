-- A group's properties are replaced as a whole.
INSERT INTO posthog_group (
  team_id, group_key, group_type_index, group_properties, created_at,
  properties_last_updated_at, properties_last_operation, version
)
SELECT new.team_id, new.group_key, new.group_type_index, new.properties, now(), '{}', '{}', 1
FROM unnest($1::int[], $2::text[], $3::int[], $4::jsonb[])
  AS new (team_id, group_key, group_type_index, properties)
ON CONFLICT (team_id, group_key, group_type_index) DO UPDATE
SET group_properties = excluded.group_properties, version = posthog_group.version + 1
