/** `paddock.plugin_state`: plugins that are not healthy, shared by all servers. */
import type { Queryable } from "../../stores/postgres/database.ts";
import type { BreakerState, BreakerStatus } from "./breaker.ts";

/** What a breaker is for. */
export interface BreakerKey {
  readonly pluginId: number;
  readonly organizationId: string;
  /** The config that runs alone (`PLUGIN_ISOLATION=config`); 0 for all of the organisation's. */
  readonly configId: number;
  /** Of code and grants: another version begins healthy. */
  readonly version: string;
}

export interface StoredBreaker extends BreakerKey, BreakerStatus {
  readonly since: Date;
}

interface Row {
  readonly plugin_id: number;
  readonly organization_id: string;
  readonly plugin_config_id: number;
  readonly version: string;
  readonly state: Exclude<BreakerState, "healthy">;
  readonly reason: string;
  readonly pauses: number;
  readonly pause_ms: number;
  readonly since: Date;
}

/** Durable times are the database's, so that servers with other clocks agree on a pause's end. */
const SELECT = `
SELECT plugin_id, organization_id, plugin_config_id, version, state, reason, pauses, since,
  greatest(0, coalesce(extract(epoch FROM paused_until - now()) * 1000, 0))::int AS pause_ms
FROM paddock.plugin_state ORDER BY plugin_id, organization_id, plugin_config_id`;

const UPSERT = `
INSERT INTO paddock.plugin_state AS stored
  (plugin_id, organization_id, plugin_config_id, version, state, reason, pauses, paused_until)
SELECT plugin_id, organization_id, plugin_config_id, version, state, reason, pauses,
  CASE WHEN state = 'paused' THEN now() + pause_ms * interval '1 millisecond' END
FROM unnest($1::int[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::int[], $8::int[])
  AS change (plugin_id, organization_id, plugin_config_id, version, state, reason, pauses, pause_ms)
ON CONFLICT (plugin_id, organization_id, plugin_config_id, version) DO UPDATE SET
  state = excluded.state, reason = excluded.reason, pauses = excluded.pauses,
  paused_until = excluded.paused_until,
  since = CASE WHEN stored.state = excluded.state THEN stored.since ELSE now() END`;

const DELETE = `
DELETE FROM paddock.plugin_state AS stored
USING unnest($1::int[], $2::uuid[], $3::int[], $4::text[])
  AS gone (plugin_id, organization_id, plugin_config_id, version)
WHERE stored.plugin_id = gone.plugin_id AND stored.organization_id = gone.organization_id
  AND stored.plugin_config_id = gone.plugin_config_id AND stored.version = gone.version`;

const MAX_REASON = 1_000;

export class BreakerTable {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async all(): Promise<StoredBreaker[]> {
    return (await this.#database.query<Row>(SELECT)).map((row) => ({
      pluginId: row.plugin_id,
      organizationId: row.organization_id,
      configId: row.plugin_config_id,
      version: row.version,
      state: row.state,
      reason: row.reason,
      pauses: row.pauses,
      pauseMs: row.pause_ms,
      since: row.since,
    }));
  }

  /** Writes states; healthy is the absence of a row. */
  async save(changes: readonly (BreakerKey & BreakerStatus)[]): Promise<void> {
    const stored = changes.filter(({ state }) => state !== "healthy");
    const healthy = changes.filter(({ state }) => state === "healthy");
    if (stored.length > 0) {
      await this.#database.query(UPSERT, [
        ...keyColumns(stored),
        stored.map(({ state }) => state),
        stored.map(({ reason }) => reason.replaceAll("\0", "").slice(0, MAX_REASON)),
        stored.map(({ pauses }) => pauses),
        stored.map(({ pauseMs }) => Math.round(pauseMs)),
      ]);
    }
    if (healthy.length > 0) await this.#database.query(DELETE, keyColumns(healthy));
  }

  /** Makes a plugin healthy again, everywhere. Returns how many states that ended. */
  async reset(pluginId: number): Promise<number> {
    const rows = await this.#database.query(
      "DELETE FROM paddock.plugin_state WHERE plugin_id = $1 RETURNING 1",
      [pluginId],
    );
    return rows.length;
  }
}

function keyColumns(keys: readonly BreakerKey[]): unknown[] {
  return [
    keys.map(({ pluginId }) => pluginId),
    keys.map(({ organizationId }) => organizationId),
    keys.map(({ configId }) => configId),
    keys.map(({ version }) => version),
  ];
}
