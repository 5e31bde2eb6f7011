-- Remembers events as stored; what comes back was new. The look at every partition recognises a
-- repeat from an earlier day, the conflict clause one that is being stored at this very moment.
INSERT INTO paddock.event_seen (claim, day)
SELECT incoming.claim, (now() AT TIME ZONE 'UTC')::date
FROM unnest($1::uuid[]) AS incoming (claim)
WHERE NOT EXISTS (SELECT FROM paddock.event_seen AS seen WHERE seen.claim = incoming.claim)
ON CONFLICT DO NOTHING
RETURNING claim
