INSERT INTO posthog_person (
  created_at, team_id, properties, properties_last_updated_at, properties_last_operation,
  is_user_id, is_identified, uuid
)
SELECT
  new.created_at::timestamptz, new.team_id, new.properties, '{}', NULL, NULL,
  new.is_identified, new.uuid::uuid
FROM unnest($1::text[], $2::int[], $3::jsonb[], $4::boolean[], $5::text[])
  AS new (created_at, team_id, properties, is_identified, uuid)
RETURNING id, uuid
