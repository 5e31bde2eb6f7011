-- Rows of these teams between two positions, oldest first, up to a size; one row at least. `found` is
-- how many there were within the number asked for, whatever their size.
SELECT id, payload, found FROM (
  SELECT
    id, payload, count(*) OVER ()::int AS found,
    sum(octet_length(payload)) OVER (ORDER BY id) - octet_length(payload) AS bytes_before
  FROM (
    SELECT id, payload FROM paddock.outbox
    WHERE id > $1 AND id <= $2 AND team_ids && $3::int[]
    ORDER BY id LIMIT $5
  ) AS oldest
) AS counted
WHERE bytes_before < $4
ORDER BY id
