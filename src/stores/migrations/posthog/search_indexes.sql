CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX index_event_definition_name ON posthog_eventdefinition USING gin (name gin_trgm_ops);
CREATE INDEX index_property_definition_name ON posthog_propertydefinition USING gin (name gin_trgm_ops);
