-- Which events are stored. Dropped by the day; `claim` is a hash, see src/events/claim.ts.
CREATE TABLE paddock.event_seen (
  day date NOT NULL,
  claim uuid NOT NULL,
  PRIMARY KEY (claim, day)
) PARTITION BY RANGE (day);

CREATE TABLE paddock.dead_letter (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  source text NOT NULL,
  team_id integer,
  event_uuid text,
  event text,
  distinct_id text,
  step text NOT NULL,
  plugin_config_id integer,
  code text NOT NULL,
  reason text NOT NULL,
  attempts integer NOT NULL DEFAULT 1,
  payload text NOT NULL
);
CREATE INDEX ON paddock.dead_letter (created_at);
CREATE INDEX ON paddock.dead_letter (team_id, created_at);

-- Plugin cache where there is no Redis. What is cached may be lost, so it is not logged.
CREATE UNLOGGED TABLE paddock.cache (
  key text PRIMARY KEY,
  -- A text for set and incr, an array of texts for lpush.
  value text,
  items text[],
  expires_at timestamptz,
  CHECK ((value IS NULL) <> (items IS NULL))
);
CREATE INDEX ON paddock.cache (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE paddock.lease (
  name text PRIMARY KEY,
  owner text NOT NULL,
  expires_at timestamptz NOT NULL
);
