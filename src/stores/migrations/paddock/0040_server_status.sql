-- What each running server says of itself, every two seconds, for the commands that show it. Nothing
-- is lost with it.
CREATE UNLOGGED TABLE paddock.server_status (
  server_id uuid PRIMARY KEY,
  updated_at timestamptz NOT NULL DEFAULT now(),
  status text NOT NULL
) WITH (
  fillfactor = 20,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 100
);
