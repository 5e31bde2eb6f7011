-- What the operator lets a plugin reach: `host`, `host:port` or `*.host`.
CREATE TABLE paddock.plugin_grant (
  plugin_id integer NOT NULL,
  host text NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (plugin_id, host)
);
