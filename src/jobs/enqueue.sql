SELECT id::text, payload FROM paddock_jobs.add_jobs(ARRAY(
  SELECT ROW(
    new.task, new.payload::json, NULL,
    CASE
      WHEN new.due_at IS NOT NULL THEN to_timestamp(new.due_at / 1000)
      ELSE now() + coalesce(new.due_in, 0) * interval '1 millisecond'
    END,
    new.attempts, NULL, NULL, NULL
  )::paddock_jobs.job_spec
  FROM unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $5::smallint[])
    WITH ORDINALITY AS new (task, payload, due_at, due_in, attempts, place)
  ORDER BY place
))
