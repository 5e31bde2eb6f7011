-- The oldest rows of each team that nobody holds, or whose holder stopped renewing, up to a number of
-- bytes; one row at least. Says as well how many there would have been.
WITH candidate AS (
  SELECT row.id, row.bytes
  FROM unnest($2::int[], $3::int[]) AS wanted (team_id, rows)
  CROSS JOIN LATERAL (
    SELECT id, bytes FROM paddock.parked
    WHERE team_id = wanted.team_id AND (owner IS NULL OR expires_at < now())
    ORDER BY id LIMIT wanted.rows
    FOR UPDATE SKIP LOCKED
  ) AS row
),
counted AS (
  SELECT
    id,
    sum(bytes) OVER (ORDER BY id) AS bytes_until,
    row_number() OVER (ORDER BY id) AS place
  FROM candidate
),
taken AS (
  UPDATE paddock.parked AS row
  SET owner = $1, expires_at = now() + $5 * interval '1 millisecond'
  FROM counted
  WHERE row.id = counted.id AND (counted.place = 1 OR counted.bytes_until <= $4)
  RETURNING row.id, row.team_id, row.payload
)
SELECT id, team_id AS "teamId", payload, (SELECT count(*)::int FROM candidate) AS candidates
FROM taken ORDER BY id
