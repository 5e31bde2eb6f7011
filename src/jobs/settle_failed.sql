-- Failed jobs, on their way back: due again after a wait, or dead. Only what that pool of workers
-- still holds is touched.
UPDATE paddock_jobs._private_jobs AS job
SET
  last_error = failed.message,
  run_at = now() + failed.wait_seconds * interval '1 second',
  attempts = CASE WHEN failed.is_dead THEN job.max_attempts
    WHEN failed.is_counted THEN job.attempts ELSE greatest(job.attempts - 1, 0) END,
  locked_at = NULL,
  locked_by = NULL,
  updated_at = now()
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::float8[], $5::bool[], $6::bool[])
  AS failed (id, pool, message, wait_seconds, is_counted, is_dead)
WHERE job.id = failed.id AND job.locked_by = failed.pool
