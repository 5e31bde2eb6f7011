-- Hosts that plugins tried to reach and may not.
CREATE TABLE paddock.plugin_refusal (
  plugin_id integer NOT NULL,
  host text NOT NULL,
  reason text NOT NULL,
  count bigint NOT NULL,
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (plugin_id, host)
);
