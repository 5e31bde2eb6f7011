-- Matches of actions that webhooks and REST hooks are still to be told of: a row per write batch,
-- written with the events, taken apart into jobs soon after.
CREATE TABLE paddock.action_match (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- JSON: a list of an event, its person and the ids of the actions that matched.
  matches text NOT NULL
) WITH (
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000,
  toast.autovacuum_vacuum_scale_factor = 0,
  toast.autovacuum_vacuum_threshold = 1000
);
