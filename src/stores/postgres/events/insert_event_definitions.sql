INSERT INTO posthog_eventdefinition (id, name, volume_30_day, query_usage_30_day, team_id)
SELECT new.id::uuid, new.name, NULL, NULL, new.team_id
FROM unnest($1::text[], $2::text[], $3::int[]) AS new (id, name, team_id)
ON CONFLICT DO NOTHING
