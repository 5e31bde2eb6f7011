-- The commands of the plugin cache where there is no Redis, many in one call, each answered as Redis
-- answers the command of its name.
CREATE FUNCTION paddock.cache_execute(commands jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $function$
DECLARE
  command jsonb;
  answers jsonb := '[]';
  answer jsonb;
  held paddock.cache;
  wanted text;
  n integer;
  kept text[];
  given text[];
BEGIN
  FOR command IN SELECT value FROM jsonb_array_elements(commands) LOOP
    wanted := command->>'key';
    -- A row per key, held by whoever works on it, so that two servers do not count the same number.
    PERFORM pg_advisory_xact_lock(hashtextextended('paddock cache ' || wanted, 0));
    SELECT * INTO held FROM paddock.cache WHERE key = wanted AND (expires_at IS NULL OR expires_at > now());
    IF NOT FOUND THEN
      DELETE FROM paddock.cache WHERE key = wanted;
      held := NULL;
    END IF;
    BEGIN
      CASE command->>'op'
        WHEN 'get' THEN
          IF held.items IS NOT NULL THEN RAISE 'WRONGTYPE the value is a list'; END IF;
          answer := to_jsonb(held.value);
        WHEN 'set' THEN
          INSERT INTO paddock.cache (key, value, items, expires_at)
          VALUES (
            wanted, command->>'value', NULL,
            now() + (command->>'ttlSeconds')::float8 * interval '1 second'
          )
          ON CONFLICT (key) DO UPDATE
          SET value = excluded.value, items = NULL, expires_at = excluded.expires_at;
          answer := '"OK"';
        WHEN 'incr' THEN
          IF held.items IS NOT NULL THEN RAISE 'WRONGTYPE the value is a list'; END IF;
          IF held.value !~ '^-?[0-9]{1,18}$' THEN RAISE 'ERR value is not an integer'; END IF;
          INSERT INTO paddock.cache (key, value) VALUES (wanted, '1')
          ON CONFLICT (key) DO UPDATE SET value = (cache.value::bigint + 1)::text
          RETURNING to_jsonb(value::bigint) INTO answer;
        WHEN 'expire' THEN
          UPDATE paddock.cache
          SET expires_at = now() + (command->>'ttlSeconds')::float8 * interval '1 second'
          WHERE key = wanted;
          answer := CASE WHEN FOUND THEN '1' ELSE '0' END::jsonb;
        ELSE
          IF held.value IS NOT NULL THEN RAISE 'WRONGTYPE the value is not a list'; END IF;
          n := coalesce(cardinality(held.items), 0);
          CASE command->>'op'
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
              given := held.items[1:(command->>'count')::int];
              kept := held.items[(command->>'count')::int + 1:];
              answer := CASE WHEN n = 0 THEN 'null'::jsonb ELSE to_jsonb(given) END;
              IF cardinality(kept) > 0 THEN UPDATE paddock.cache SET items = kept WHERE key = wanted;
              ELSE DELETE FROM paddock.cache WHERE key = wanted; END IF;
            WHEN 'lrem' THEN
              -- From the front for a positive count, from the back for a negative one, all for zero.
              SELECT array_agg(value ORDER BY place) INTO kept
              FROM (
                SELECT value, place, CASE WHEN value = command->>'value' THEN row_number() OVER (
                    PARTITION BY value
                    ORDER BY CASE WHEN (command->>'count')::int < 0 THEN -place ELSE place END
                  ) END AS hit
                FROM unnest(held.items) WITH ORDINALITY AS each (value, place)
              ) AS marked
              WHERE hit IS NULL
                 OR (command->>'count')::int <> 0 AND hit > abs((command->>'count')::int);
              answer := to_jsonb(n - coalesce(cardinality(kept), 0));
              IF cardinality(kept) > 0 THEN UPDATE paddock.cache SET items = kept WHERE key = wanted;
              ELSE DELETE FROM paddock.cache WHERE key = wanted; END IF;
            ELSE
              RAISE 'ERR unknown command';
          END CASE;
      END CASE;
      answers := answers || jsonb_build_array(jsonb_build_object('ok', true, 'value', answer));
    EXCEPTION WHEN raise_exception OR invalid_text_representation OR numeric_value_out_of_range THEN
      answers := answers || jsonb_build_array(jsonb_build_object('ok', false, 'error', SQLERRM));
    END;
  END LOOP;
  RETURN answers;
END
$function$;
