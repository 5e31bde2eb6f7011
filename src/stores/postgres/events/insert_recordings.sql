INSERT INTO posthog_sessionrecordingevent (
  created_at, "timestamp", team_id, distinct_id, session_id, snapshot_data
)
SELECT new.at::timestamptz, new.at::timestamptz, new.team_id, new.distinct_id, new.session_id, new.data
FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::jsonb[])
  AS new (at, team_id, distinct_id, session_id, data)
