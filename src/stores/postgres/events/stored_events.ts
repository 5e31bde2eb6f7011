/** Events that were stored before, for plugins that export history. */
import { exportedEvent } from "../../../events/exported_event.ts";
import type { JsonObject } from "../../../events/types.ts";
import type { Queryable } from "../database.ts";

/** Moments in ms since 1970. */
export interface TimeSpan {
  readonly from: number;
  /** Not part of it. */
  readonly to: number;
}

interface EventRow {
  readonly event: string;
  readonly distinctId: string;
  readonly properties: JsonObject;
  readonly elements: unknown;
  readonly timestamp: Date;
  readonly createdAt: Date | null;
}

export class StoredEvents {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** The first and the last moment of a team's events; null where there are none. */
  async bounds(teamId: number): Promise<{ readonly min: number; readonly max: number } | null> {
    const rows = await this.#database.query<{ min: Date | null; max: Date | null }>(
      `SELECT min("timestamp"), max("timestamp") FROM posthog_event WHERE team_id = $1`,
      [teamId],
    );
    const { min, max } = rows[0] ?? { min: null, max: null };
    return min === null || max === null ? null : { min: min.getTime(), max: max.getTime() };
  }

  /** The moment of the first event at or after another; null where there is none. */
  async firstSince(teamId: number, since: number): Promise<number | null> {
    const rows = await this.#database.query<{ first: Date | null }>(
      `SELECT min("timestamp") AS first FROM posthog_event
       WHERE team_id = $1 AND "timestamp" >= to_timestamp($2::float8 / 1000)`,
      [teamId, since],
    );
    return rows[0]?.first?.getTime() ?? null;
  }

  /** Events of a span in the order in which they were stored, as JSON texts of plugin events. */
  async page(
    teamId: number,
    { from, to }: TimeSpan,
    { offset, limit }: { readonly offset: number; readonly limit: number },
  ): Promise<Uint8Array[]> {
    const rows = await this.#database.query<EventRow>(
      `SELECT event, distinct_id AS "distinctId", properties, elements, "timestamp",
         created_at AS "createdAt"
       FROM posthog_event
       WHERE team_id = $1 AND "timestamp" >= to_timestamp($2::float8 / 1000)
         AND "timestamp" < to_timestamp($3::float8 / 1000)
       ORDER BY id LIMIT $4 OFFSET $5`,
      [teamId, from, to, limit, offset],
    );
    return rows.map((row) =>
      exportedEvent({
        ...row,
        teamId,
        timestamp: row.timestamp.toISOString(),
        createdAt: row.createdAt?.toISOString() ?? "",
      })
    );
  }
}
