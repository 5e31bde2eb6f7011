-- Accepted events waiting to be processed. A row holds several; rows live for moments, so the table
-- is vacuumed eagerly and its pages leave room for the lease to be written in place.
CREATE TABLE paddock.inbox (
  id bigserial PRIMARY KEY,
  events integer NOT NULL,
  bytes integer NOT NULL,
  payload text NOT NULL,
  owner text,
  expires_at timestamptz
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0,
  toast.autovacuum_vacuum_threshold = 1000
);
