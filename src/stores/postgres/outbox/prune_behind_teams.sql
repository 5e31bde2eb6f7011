-- Rows that every cursor of their own teams has passed: looks at each row, so it is not run often.
DELETE FROM paddock.outbox
WHERE id IN (
  SELECT id FROM paddock.outbox AS row
  WHERE id <= $1
    AND NOT EXISTS (
      SELECT FROM paddock.delivery_cursor AS cursor
      WHERE cursor.team_id = ANY (row.team_ids) AND cursor.position < row.id
    )
  ORDER BY id LIMIT $2
)
RETURNING 1
