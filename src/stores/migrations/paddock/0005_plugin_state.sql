-- Plugins that crashed, hung or dawdled; one that is healthy has no row.
CREATE TABLE paddock.plugin_state (
  plugin_id integer NOT NULL,
  organization_id uuid NOT NULL,
  -- The config that runs alone; 0 where an organisation's configs share a process.
  plugin_config_id integer NOT NULL,
  -- Of code and grants: another version begins healthy.
  version text NOT NULL,
  state text NOT NULL CHECK (state IN ('slow', 'paused', 'disabled')),
  reason text NOT NULL,
  pauses integer NOT NULL,
  paused_until timestamptz,
  since timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (plugin_id, organization_id, plugin_config_id, version)
);
