/** `paddock.server_status`: what running servers say of themselves. */
import type { Queryable } from "./database.ts";

/** A server that said nothing for so long is gone. */
const SILENT_SECONDS = 15;

const SAY = `
WITH gone AS (
  DELETE FROM paddock.server_status WHERE updated_at < now() - interval '1 hour'
)
INSERT INTO paddock.server_status (server_id, status) VALUES ($1, $2)
ON CONFLICT (server_id) DO UPDATE SET status = excluded.status, updated_at = now()`;

export class ServerStatusTable<Status> {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async say(serverId: string, status: Status): Promise<void> {
    await this.#database.query(SAY, [serverId, JSON.stringify(status)]);
  }

  async forget(serverId: string): Promise<void> {
    await this.#database.query("DELETE FROM paddock.server_status WHERE server_id = $1", [
      serverId,
    ]);
  }

  /** Of all that run, the one that runs longest first. */
  async all(): Promise<Status[]> {
    const rows = await this.#database.query<{ status: string }>(
      `SELECT status FROM paddock.server_status
       WHERE updated_at > now() - $1 * interval '1 second'
       ORDER BY status::json->>'startedAt', server_id`,
      [SILENT_SECONDS],
    );
    return rows.map(({ status }) => JSON.parse(status));
  }
}
