-- The oldest rows, as many as fit, one at least.
WITH candidate AS (
  SELECT id, octet_length(messages) AS size FROM paddock.kafka_outbox ORDER BY id LIMIT $1
), counted AS (
  SELECT id, sum(size) OVER (ORDER BY id) AS total, row_number() OVER (ORDER BY id) AS place
  FROM candidate
)
SELECT row.id, row.messages
FROM counted JOIN paddock.kafka_outbox AS row USING (id)
WHERE counted.total <= $2 OR counted.place = 1
ORDER BY row.id
