-- What the payload of a dead letter is: an event or a job as JSON, or a message as it was received.
ALTER TABLE paddock.dead_letter
  ADD COLUMN kind text NOT NULL DEFAULT 'event' CHECK (kind IN ('event', 'job', 'message'));
UPDATE paddock.dead_letter SET kind = 'message' WHERE step = 'receive';
CREATE INDEX ON paddock.dead_letter (distinct_id) WHERE distinct_id IS NOT NULL;
