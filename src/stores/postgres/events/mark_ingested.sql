-- Only teams that had no event before, in one order for all servers.
UPDATE posthog_team SET ingested_event = true
WHERE id IN (
  SELECT id FROM posthog_team
  WHERE id = ANY ($1::int[]) AND NOT ingested_event ORDER BY id FOR NO KEY UPDATE
)
