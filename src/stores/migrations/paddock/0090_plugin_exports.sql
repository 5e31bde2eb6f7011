-- What the kept version exports: a server that starts knows it without running the code.
ALTER TABLE paddock.plugin_working_version ADD COLUMN exports jsonb;
