-- Rows behind every cursor, which is all of them while every plugin keeps up.
DELETE FROM paddock.outbox
WHERE id IN (
  SELECT id FROM paddock.outbox
  WHERE id <= least($1::bigint, (SELECT min(position) FROM paddock.delivery_cursor))
  ORDER BY id LIMIT $2
)
RETURNING 1
