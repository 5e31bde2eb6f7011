-- Cursors that no living server holds, up to this server's share of all: each server takes as many.
WITH living AS (
  SELECT id FROM paddock.server WHERE expires_at > now()
),
share AS (
  SELECT
    ceil(count(*)::numeric / greatest((SELECT count(*) FROM living), 1))
      - count(*) FILTER (WHERE owner = $1) AS cursors
  FROM paddock.delivery_cursor
),
free AS (
  SELECT plugin_config_id, kind FROM paddock.delivery_cursor
  WHERE (owner IS NULL OR owner NOT IN (SELECT id FROM living))
    AND plugin_config_id = ANY ($2::int[])
  ORDER BY plugin_config_id, kind
  LIMIT greatest((SELECT cursors FROM share), 0)
  FOR UPDATE SKIP LOCKED
)
UPDATE paddock.delivery_cursor AS cursor SET owner = $1
FROM free
WHERE cursor.plugin_config_id = free.plugin_config_id AND cursor.kind = free.kind
RETURNING cursor.plugin_config_id AS "configId", cursor.kind, cursor.position::text
