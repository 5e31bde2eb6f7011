-- Remembers events as stored; what comes back was new. The look at earlier days recognises a repeat
-- of an event from then, the conflict clause one of today, or of this very moment.
INSERT INTO paddock.event_seen (claim, day)
SELECT incoming.claim, (now() AT TIME ZONE 'UTC')::date
FROM unnest($1::uuid[]) AS incoming (claim)
WHERE NOT EXISTS (
  SELECT FROM paddock.event_seen AS seen
  WHERE seen.claim = incoming.claim AND seen.day < (now() AT TIME ZONE 'UTC')::date
)
ON CONFLICT DO NOTHING
RETURNING claim
