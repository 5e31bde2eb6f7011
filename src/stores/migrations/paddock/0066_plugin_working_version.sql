-- The code of each plugin that was last set up, built: a server that starts anew and meets a version
-- that does not work goes on with this one.
CREATE TABLE paddock.plugin_working_version (
  plugin_id integer PRIMARY KEY,
  -- Of the code as its author wrote it.
  version text NOT NULL,
  -- JSON, compressed by gzip.
  code bytea NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT now()
);
