-- An action that was removed meanwhile is left out, and cannot be removed before the commit.
INSERT INTO posthog_action_events (event_id, action_id)
SELECT matched.event_id, matched.action_id
FROM unnest($1::int[], $2::int[]) AS matched (event_id, action_id)
JOIN (
  SELECT id FROM posthog_action WHERE id = ANY ($2::int[]) ORDER BY id FOR KEY SHARE
) AS present ON present.id = matched.action_id
ON CONFLICT DO NOTHING
