UPDATE posthog_person AS person
SET
  properties = changed.properties,
  -- The earlier of the two: the value sent has lost its microseconds.
  created_at = least(person.created_at, changed.created_at::timestamptz),
  is_identified = changed.is_identified
FROM unnest($1::int[], $2::jsonb[], $3::text[], $4::boolean[])
  AS changed (id, properties, created_at, is_identified)
WHERE person.id = changed.id
