-- The same answers as before, in a time that grows with the number of commands and not with its
-- square. Whatever a key holds is checked before it is worked on, so that no command needs a
-- subtransaction of its own.
CREATE OR REPLACE FUNCTION paddock.cache_execute(commands jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $function$
DECLARE
  command jsonb;
  op text;
  wanted text;
  held paddock.cache;
  answers jsonb[] := '{}';
  answer jsonb;
  failure text;
  n integer;
  amount integer;
  kept text[];
  given text[];
BEGIN
  -- Two servers do not work on one key at a time. All locks are taken before any row, and in order,
  -- so that nobody waits for each other; they are few, as a transaction may not have many.
  PERFORM pg_advisory_xact_lock(hashtextextended('paddock cache', bucket))
  FROM (
    SELECT DISTINCT hashtextextended(value->>'key', 0) & 255 AS bucket
    FROM jsonb_array_elements(commands) WHERE value->>'op' <> 'get' ORDER BY bucket OFFSET 0
  ) AS touched;
  -- Nothing but values to be kept: in one statement, in which the last of a key is the one.
  IF NOT EXISTS (SELECT FROM jsonb_array_elements(commands) WHERE value->>'op' <> 'set') THEN
    INSERT INTO paddock.cache (key, value, items, expires_at)
    SELECT DISTINCT ON (value->>'key') value->>'key', value->>'value', NULL,
      now() + (value->>'ttlSeconds')::float8 * interval '1 second'
    FROM jsonb_array_elements(commands) WITH ORDINALITY AS each (value, place)
    ORDER BY value->>'key', place DESC
    ON CONFLICT (key) DO UPDATE
    SET value = excluded.value, items = NULL, expires_at = excluded.expires_at;
    RETURN (
      SELECT jsonb_agg('{"ok": true, "value": "OK"}'::jsonb) FROM jsonb_array_elements(commands)
    );
  END IF;
  FOR command IN SELECT value FROM jsonb_array_elements(commands) LOOP
    op := command->>'op';
    wanted := command->>'key';
    answer := NULL;
    failure := NULL;
    SELECT * INTO held FROM paddock.cache WHERE key = wanted;
    IF FOUND AND held.expires_at <= now() THEN
      held := NULL;
      IF op <> 'get' THEN DELETE FROM paddock.cache WHERE key = wanted; END IF;
    END IF;
    IF op = 'set' THEN
      INSERT INTO paddock.cache (key, value, items, expires_at)
      VALUES (
        wanted, command->>'value', NULL,
        now() + (command->>'ttlSeconds')::float8 * interval '1 second'
      )
      ON CONFLICT (key) DO UPDATE
      SET value = excluded.value, items = NULL, expires_at = excluded.expires_at;
      answer := '"OK"';
    ELSIF op = 'expire' THEN
      UPDATE paddock.cache
      SET expires_at = now() + (command->>'ttlSeconds')::float8 * interval '1 second'
      WHERE key = wanted;
      answer := CASE WHEN FOUND THEN '1' ELSE '0' END::jsonb;
    ELSIF op IN ('get', 'incr') THEN
      IF held.items IS NOT NULL THEN failure := 'WRONGTYPE the value is a list';
      ELSIF op = 'get' THEN answer := to_jsonb(held.value);
      ELSIF held.value !~ '^-?[0-9]{1,18}$' THEN failure := 'ERR value is not an integer';
      ELSE
        INSERT INTO paddock.cache (key, value) VALUES (wanted, '1')
        ON CONFLICT (key) DO UPDATE SET value = (cache.value::bigint + 1)::text
        RETURNING to_jsonb(value::bigint) INTO answer;
      END IF;
    ELSIF held.value IS NOT NULL THEN
      failure := 'WRONGTYPE the value is not a list';
    ELSE
      n := coalesce(cardinality(held.items), 0);
      CASE op
        WHEN 'llen' THEN
          answer := to_jsonb(n);
        WHEN 'lpush' THEN
          -- Each goes to the front, so that the last of them is the first of the list.
          SELECT array_agg(value ORDER BY place DESC) INTO given
          FROM jsonb_array_elements_text(command->'values') WITH ORDINALITY AS each (value, place);
          INSERT INTO paddock.cache (key, items) VALUES (wanted, given)
          ON CONFLICT (key) DO UPDATE SET items = excluded.items || cache.items
          RETURNING to_jsonb(cardinality(items)) INTO answer;
        WHEN 'lrange' THEN
          SELECT coalesce(jsonb_agg(value ORDER BY place), '[]') INTO answer
          FROM unnest(held.items) WITH ORDINALITY AS each (value, place)
          WHERE place - 1 >= CASE WHEN (command->>'start')::int < 0
                THEN n + (command->>'start')::int ELSE (command->>'start')::int END
            AND place - 1 <= CASE WHEN (command->>'stop')::int < 0
                THEN n + (command->>'stop')::int ELSE (command->>'stop')::int END;
        WHEN 'lpop' THEN
          -- A list has fewer elements than the largest number, to which one cannot be added.
          amount := least((command->>'count')::int, n);
          given := held.items[1:amount];
          kept := held.items[amount + 1:];
          answer := CASE WHEN n = 0 THEN 'null'::jsonb ELSE to_jsonb(given) END;
          IF cardinality(kept) > 0 THEN UPDATE paddock.cache SET items = kept WHERE key = wanted;
          ELSE DELETE FROM paddock.cache WHERE key = wanted; END IF;
        WHEN 'lrem' THEN
          -- From the front for a positive count, from the back for a negative one, all for zero.
          amount := (command->>'count')::int;
          SELECT array_agg(value ORDER BY place) INTO kept
          FROM (
            SELECT value, place, CASE WHEN value = command->>'value' THEN row_number() OVER (
                PARTITION BY value ORDER BY CASE WHEN amount < 0 THEN -place ELSE place END
              ) END AS hit
            FROM unnest(held.items) WITH ORDINALITY AS each (value, place)
          ) AS marked
          WHERE hit IS NULL OR amount <> 0 AND hit > abs(amount);
          answer := to_jsonb(n - coalesce(cardinality(kept), 0));
          IF cardinality(kept) > 0 THEN UPDATE paddock.cache SET items = kept WHERE key = wanted;
          ELSE DELETE FROM paddock.cache WHERE key = wanted; END IF;
        ELSE
          failure := 'ERR unknown command';
      END CASE;
    END IF;
    answers := answers || CASE WHEN failure IS NULL
      THEN jsonb_build_object('ok', true, 'value', answer)
      ELSE jsonb_build_object('ok', false, 'error', failure) END;
  END LOOP;
  RETURN to_jsonb(answers);
END
$function$;
