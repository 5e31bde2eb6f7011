-- Events are sent before their transaction commits and are not kept here: what is left, of people and
-- groups, is all ordered and nobody's own. The two columns stay for servers of the version before,
-- whose rows are relayed like the others.
ALTER TABLE paddock.kafka_outbox
  ALTER COLUMN server_id DROP NOT NULL,
  ALTER COLUMN is_ordered SET DEFAULT true;
