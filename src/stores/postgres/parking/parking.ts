/** Events of teams whose plugins are slow, kept in order until there is room for them. */
import type { RawEvent } from "../../../events/types.ts";
import { textArray } from "../binary_arrays.ts";
import type { Queryable } from "../database.ts";
import { inRows, type LeasedRow, leasedRow, LeasedRows } from "../inbox/leased_rows.ts";
import appendRows from "./append.sql" with { type: "text" };
import takeRows from "./take.sql" with { type: "text" };

/** So few that a lane that has little room is not given much more than that. */
export const EVENTS_PER_PARKED_ROW = 50;

/** A taken row; all of its events are of one team. */
export interface ParkedRow extends LeasedRow {
  readonly teamId: number;
}

export class PostgresParking extends LeasedRows {
  constructor(database: Queryable) {
    super(database, "paddock.parked");
  }

  /** Resolves once all are committed, each team's behind what is parked of it. One statement. */
  async append(
    groups: readonly { readonly teamId: number; readonly events: readonly RawEvent[] }[],
  ): Promise<void> {
    const rows = groups.flatMap(({ teamId, events }) =>
      inRows(events, EVENTS_PER_PARKED_ROW).map((row) => ({ teamId, ...row }))
    );
    await this.database.query({ name: "parking_append", text: appendRows }, [
      rows.map(({ teamId }) => teamId),
      rows.map(({ events }) => events),
      rows.map(({ bytes }) => bytes),
      textArray(rows.map(({ payload }) => payload)),
    ]);
  }

  /**
   * The oldest rows of each team, leased to `owner`; one at least, if there is any.
   * @returns `isComplete` is false where `bytes` left some out
   */
  async take(
    owner: string,
    wanted: readonly { readonly teamId: number; readonly rows: number }[],
    bytes: number,
    ttlMs: number,
  ): Promise<{ readonly rows: ParkedRow[]; readonly isComplete: boolean }> {
    const rows = await this.database.query<
      { id: string; teamId: number; payload: string; candidates: number }
    >(
      { name: "parking_take", text: takeRows },
      [owner, wanted.map(({ teamId }) => teamId), wanted.map(({ rows }) => rows), bytes, ttlMs],
    );
    return {
      rows: rows.map((row) => ({ teamId: row.teamId, ...leasedRow(row) })),
      isComplete: rows.length === (rows[0]?.candidates ?? 0),
    };
  }

  /** Teams of which anything is parked, whoever holds it. */
  async teams(): Promise<number[]> {
    const rows = await this.database.query<{ teamId: number }>(
      `SELECT DISTINCT team_id AS "teamId" FROM paddock.parked`,
    );
    return rows.map(({ teamId }) => teamId);
  }
}
