import { randomUUID } from "node:crypto";
import type { Lease, LeaseStore } from "../lease.ts";
import type { Queryable } from "./database.ts";

const ACQUIRE = `
INSERT INTO paddock.lease (name, owner, expires_at)
VALUES ($1, $2, now() + $3 * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE lease.expires_at < now()
RETURNING 1`;

const RENEW = `
UPDATE paddock.lease SET expires_at = now() + $3 * interval '1 millisecond'
WHERE name = $1 AND owner = $2 AND expires_at >= now() RETURNING 1`;

/** Leases as rows, by the database's clock. */
export class PostgresLeaseStore implements LeaseStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async acquire(name: string, ttlMs: number): Promise<Lease | null> {
    const owner = randomUUID();
    const rows = await this.#database.query(ACQUIRE, [name, owner, ttlMs]);
    if (rows.length === 0) return null;
    return {
      renew: async () => (await this.#database.query(RENEW, [name, owner, ttlMs])).length > 0,
      release: async () => {
        await this.#database.query("DELETE FROM paddock.lease WHERE name = $1 AND owner = $2", [
          name,
          owner,
        ]);
      },
    };
  }

  /** The database is its owner's to close. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
