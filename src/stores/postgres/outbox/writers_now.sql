-- Transactions that have written to the outbox, or are about to, and have not ended.
SELECT virtualtransaction AS id FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = $1 AND objid = $2 AND objsubid = 2 AND granted
