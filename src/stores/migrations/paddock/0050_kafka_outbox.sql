-- Messages for Kafka, written with what they tell of and forgotten when Kafka has them. A row holds
-- those of one transaction. Ordered ones (of people and groups) are sent by one server at a time in
-- the order of ids; the others by the server that wrote them, or by others once that is dead.
CREATE TABLE paddock.kafka_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  server_id uuid NOT NULL,
  is_ordered boolean NOT NULL,
  messages bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- They are compressed already.
ALTER TABLE paddock.kafka_outbox ALTER COLUMN messages SET STORAGE EXTERNAL;
