-- In the order of ids, so that two servers that change the same people wait instead of deadlocking.
SELECT id FROM posthog_person WHERE id = ANY ($1::int[]) ORDER BY id FOR UPDATE
