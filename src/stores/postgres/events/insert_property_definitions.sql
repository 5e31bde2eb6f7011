INSERT INTO posthog_propertydefinition (
  id, name, is_numerical, volume_30_day, query_usage_30_day, team_id
)
SELECT new.id::uuid, new.name, new.is_numerical, NULL, NULL, new.team_id
FROM unnest($1::text[], $2::text[], $3::int[], $4::boolean[]) AS new (id, name, team_id, is_numerical)
ON CONFLICT DO NOTHING
