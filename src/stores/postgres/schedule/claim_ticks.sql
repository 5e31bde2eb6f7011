-- Ticks that are this server's to run: nobody ran them, and nobody still runs one before. What lies
-- far ahead was written by a wrong clock and counts for nothing.
WITH due AS (
  SELECT * FROM unnest($2::int[], $3::text[], $4::timestamptz[]) AS due (config_id, task, tick)
),
before AS (
  SELECT row.plugin_config_id, row.task, row.tick
  FROM paddock.schedule_tick AS row
  JOIN due ON due.config_id = row.plugin_config_id AND due.task = row.task
),
claimed AS (
  INSERT INTO paddock.schedule_tick (plugin_config_id, task, tick, running_on)
  SELECT config_id, task, tick, $1 FROM due ORDER BY config_id, task
  ON CONFLICT (plugin_config_id, task) DO UPDATE
  SET tick = excluded.tick, running_on = excluded.running_on
  WHERE (schedule_tick.tick < excluded.tick OR schedule_tick.tick > now() + interval '25 hours')
    AND (
      schedule_tick.running_on IS NULL
      OR schedule_tick.running_on = excluded.running_on
      OR NOT EXISTS (
        SELECT FROM paddock.server
        WHERE id = schedule_tick.running_on AND expires_at > now()
      )
    )
  RETURNING plugin_config_id, task
)
SELECT claimed.plugin_config_id AS "configId", claimed.task, before.tick AS "lastTick"
FROM claimed
LEFT JOIN before USING (plugin_config_id, task)
