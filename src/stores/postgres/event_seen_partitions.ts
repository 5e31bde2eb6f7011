import { type Database, isLocked } from "./database.ts";

export interface PartitionOptions {
  /** How many days an event is remembered as stored. */
  readonly retentionDays: number;
}

/** Days made in advance, so that midnight finds its partition there. */
const DAYS_AHEAD = 3;

/**
 * A new day needs the whole table for a moment. Waiting for a transaction that stands still would
 * make every writer wait behind it, so that it is given up and tried again.
 */
const ATTEMPTS = 10;

/** Any constant: only this takes the lock. */
const LOCK_KEY = 7_233_365;

/**
 * Makes the partitions of `paddock.event_seen` for today and the next days, and drops those past
 * their retention. Days are UTC by the database's clock. Safe to run by several servers at once.
 */
export async function ensureEventSeenPartitions(
  database: Database,
  options: PartitionOptions,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await makeAndDrop(database, options);
    } catch (error) {
      if (!isLocked(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

async function makeAndDrop(database: Database, options: PartitionOptions): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCK_KEY]);
    const days = await tx.query<{ day: string; next: string }>(
      `SELECT to_char(day, 'YYYY-MM-DD') AS day, to_char(day + 1, 'YYYY-MM-DD') AS next
       FROM (SELECT (now() AT TIME ZONE 'UTC')::date + ahead AS day FROM generate_series(0, $1) ahead) d`,
      [DAYS_AHEAD],
    );
    for (const { day, next } of days) {
      // A day as the database prints it holds digits and dashes alone, so it may stand in the text.
      await tx.query(
        `CREATE TABLE IF NOT EXISTS paddock.event_seen_${day.replaceAll("-", "")}
         PARTITION OF paddock.event_seen FOR VALUES FROM ('${day}') TO ('${next}')`,
      );
    }
    const old = await tx.query<{ name: string }>(
      `SELECT child.relname AS name
       FROM pg_inherits
       JOIN pg_class AS child ON child.oid = inhrelid
       WHERE inhparent = 'paddock.event_seen'::regclass
         AND child.relname ~ '^event_seen_[0-9]{8}$'
         AND to_date(right(child.relname, 8), 'YYYYMMDD') < (now() AT TIME ZONE 'UTC')::date - $1::int`,
      [options.retentionDays],
    );
    for (const { name } of old) await tx.query(`DROP TABLE paddock.${name}`);
  });
}
