-- Servers on which a plugin config's setup failed as often as it is tried. One that fails on every
-- running server is disabled.
CREATE TABLE paddock.plugin_setup_failure (
  plugin_config_id integer NOT NULL,
  server_id uuid NOT NULL,
  -- Of code, grants and config: another version is tried anew.
  version text NOT NULL,
  failed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (plugin_config_id, server_id)
);
