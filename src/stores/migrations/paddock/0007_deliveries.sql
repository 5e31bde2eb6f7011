-- Servers that run now. One that stopped saying so is dead, and what it held is free.
CREATE TABLE paddock.server (
  id uuid PRIMARY KEY,
  started_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  -- Names under which its workers lock jobs.
  job_pools text[] NOT NULL DEFAULT '{}'
);

-- Stored events that plugins are still to be told of: a row per write batch, its events compressed.
-- Rows live for moments, so the table is vacuumed eagerly.
CREATE TABLE paddock.outbox (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  team_ids integer[] NOT NULL,
  events integer NOT NULL,
  payload bytea NOT NULL
) WITH (
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0,
  toast.autovacuum_vacuum_threshold = 1000
);
-- They are compressed already.
ALTER TABLE paddock.outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX ON paddock.outbox (created_at);

-- How far each plugin config has been told, apart for its exports, which wait in buffers.
CREATE TABLE paddock.delivery_cursor (
  plugin_config_id integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('hooks', 'export')),
  team_id integer NOT NULL,
  -- Every row of the outbox up to this one is done.
  position bigint NOT NULL,
  -- The server that delivers.
  owner uuid,
  PRIMARY KEY (plugin_config_id, kind)
) WITH (fillfactor = 50);
CREATE INDEX ON paddock.delivery_cursor (team_id);

-- The last tick of each scheduled task of a plugin config, so that none is run twice.
CREATE TABLE paddock.schedule_tick (
  plugin_config_id integer NOT NULL,
  task text NOT NULL,
  tick timestamptz NOT NULL,
  -- The server that runs it now.
  running_on uuid,
  PRIMARY KEY (plugin_config_id, task)
) WITH (fillfactor = 50);
