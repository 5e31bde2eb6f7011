-- The oldest rows that nobody holds, or whose holder stopped renewing, up to a number of events and
-- of bytes; one row at least.
WITH candidate AS (
  SELECT id, events, bytes
  FROM paddock.inbox
  WHERE owner IS NULL OR expires_at < now()
  ORDER BY id
  LIMIT $2
  FOR UPDATE SKIP LOCKED
),
counted AS (
  SELECT
    id,
    sum(events) OVER (ORDER BY id) - events AS events_before,
    sum(events) OVER (ORDER BY id) AS events_until,
    sum(bytes) OVER (ORDER BY id) AS bytes_until
  FROM candidate
),
taken AS (
  UPDATE paddock.inbox AS row
  SET owner = $1, expires_at = now() + $4 * interval '1 millisecond'
  FROM counted
  WHERE row.id = counted.id
    AND (counted.events_before = 0 OR counted.events_until <= $2 AND counted.bytes_until <= $3)
  RETURNING row.id, row.payload
)
SELECT id, payload FROM taken ORDER BY id
