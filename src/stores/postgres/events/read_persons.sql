SELECT
  held.team_id,
  held.distinct_id,
  person.id,
  person.uuid,
  person.properties,
  person.created_at,
  person.is_identified
FROM unnest($1::int[], $2::text[]) AS wanted (team_id, distinct_id)
JOIN posthog_persondistinctid AS held
  ON held.team_id = wanted.team_id AND held.distinct_id = wanted.distinct_id
JOIN posthog_person AS person
  ON person.id = held.person_id
