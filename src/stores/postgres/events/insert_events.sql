INSERT INTO posthog_event (
  created_at, event, distinct_id, properties, team_id, "timestamp", elements, elements_hash
)
SELECT
  now(), new.event, new.distinct_id, new.properties, new.team_id, new.at::timestamptz,
  coalesce(new.elements, '[]'), coalesce(new.elements_hash, '')
FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::int[], $5::text[], $6::jsonb[], $7::text[])
  WITH ORDINALITY AS new (event, distinct_id, properties, team_id, at, elements, elements_hash, place)
-- The ids follow the order of the events.
ORDER BY new.place
