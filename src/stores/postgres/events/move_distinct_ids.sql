UPDATE posthog_persondistinctid AS held
SET person_id = merged.into_id
FROM unnest($1::int[], $2::int[]) AS merged (from_id, into_id)
WHERE held.person_id = merged.from_id
RETURNING held.team_id, held.distinct_id, merged.from_id
