-- Events of teams whose plugins are slow, in order, until those have room for them. A row holds
-- several of one team; rows are leased to servers as those of the inbox are.
CREATE TABLE paddock.parked (
  id bigserial PRIMARY KEY,
  team_id integer NOT NULL,
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
CREATE INDEX ON paddock.parked (team_id, id);
