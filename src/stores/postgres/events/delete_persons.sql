DELETE FROM posthog_person WHERE id = ANY ($1::int[])
