-- In the order given, which is that of the ids.
INSERT INTO paddock.parked (team_id, events, bytes, payload)
SELECT new.team_id, new.events, new.bytes, new.payload
FROM unnest($1::int[], $2::int[], $3::int[], $4::text[])
  WITH ORDINALITY AS new (team_id, events, bytes, payload, place)
ORDER BY new.place
