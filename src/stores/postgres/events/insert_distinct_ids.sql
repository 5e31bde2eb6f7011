-- Fewer rows back than sent means that somebody else gave one of these ids to a person just now.
INSERT INTO posthog_persondistinctid (distinct_id, person_id, team_id)
SELECT new.distinct_id, new.person_id, new.team_id
FROM unnest($1::text[], $2::int[], $3::int[]) AS new (distinct_id, person_id, team_id)
ON CONFLICT DO NOTHING
RETURNING id, team_id, distinct_id
