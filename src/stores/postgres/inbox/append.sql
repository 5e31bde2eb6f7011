WITH appended AS (
  INSERT INTO paddock.inbox (events, bytes, payload)
  SELECT new.events, new.bytes, new.payload
  FROM unnest($1::int[], $2::int[], $3::text[]) AS new (events, bytes, payload)
)
SELECT pg_notify('paddock_inbox', '')
