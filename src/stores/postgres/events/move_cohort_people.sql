WITH
merged AS (
  SELECT from_id, into_id FROM unnest($1::int[], $2::int[]) AS pair (from_id, into_id)
),
left_behind AS (
  DELETE FROM posthog_cohortpeople AS membership
  USING merged
  WHERE membership.person_id = merged.from_id
  RETURNING membership.cohort_id, merged.into_id
)
INSERT INTO posthog_cohortpeople (cohort_id, person_id)
SELECT DISTINCT left_behind.cohort_id, left_behind.into_id
FROM left_behind
WHERE NOT EXISTS (
  SELECT FROM posthog_cohortpeople AS present
  WHERE present.cohort_id = left_behind.cohort_id AND present.person_id = left_behind.into_id
)
