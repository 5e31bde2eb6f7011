/** Events that ClickHouse has, for plugins that export history and for people who look. */
import { withElements } from "../../events/elements.ts";
import { elementsOfChain } from "../../events/elements_chain.ts";
import { exportedEvent } from "../../events/exported_event.ts";
import type { JsonObject } from "../../events/types.ts";
import type { ClickHouse } from "./client.ts";

interface EventRow {
  readonly event: string;
  readonly distinct_id: string;
  readonly properties: string;
  readonly elements_chain: string;
  readonly timestamp: string;
  readonly created_at: string;
}

/** An event as people are shown it. */
export interface LatestEvent {
  /** Its uuid. */
  readonly id: string;
  readonly teamId: number;
  readonly event: string;
  readonly distinctId: string;
  readonly timestamp: Date;
  /** With `$elements` where something was clicked. */
  readonly properties: JsonObject;
}

/** The span is that of `_timestamp`, when an event came, as it is with the server before. */
const WITHIN =
  "team_id = {teamId: Int64} AND _timestamp >= fromUnixTimestamp64Milli({from: Int64}) " +
  "AND _timestamp < fromUnixTimestamp64Milli({to: Int64})";

const TEAM = "FROM events WHERE team_id = {teamId: Int64}";

export class ClickHouseStoredEvents {
  readonly #clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  /** The first and the last moment of a team's events in ms since 1970; null where there are none. */
  async bounds(teamId: number): Promise<{ readonly min: number; readonly max: number } | null> {
    const [row] = await this.#clickhouse.query<{ min: number; max: number }>(
      `SELECT toUnixTimestamp(min(_timestamp)) AS min, toUnixTimestamp(max(_timestamp)) AS max ${TEAM}`,
      { teamId },
    );
    return row === undefined || row.max === 0 ? null : { min: row.min * 1000, max: row.max * 1000 };
  }

  /** The moment of the first event at or after another; null where there is none. */
  async firstSince(teamId: number, since: number): Promise<number | null> {
    const [row] = await this.#clickhouse.query<{ first: number }>(
      `SELECT toUnixTimestamp(min(_timestamp)) AS first ${TEAM}
       AND _timestamp >= fromUnixTimestamp64Milli({since: Int64})`,
      { teamId, since: Math.trunc(since) },
    );
    return row === undefined || row.first === 0 ? null : row.first * 1000;
  }

  /**
   * What came last, the newest first; an event that came twice is shown once.
   * @param teamId null for those of every team
   */
  async latest(teamId: number | null, limit: number): Promise<LatestEvent[]> {
    const rows = await this.#clickhouse.query<EventRow & { id: string; teamId: number }>(
      `SELECT toString(events.uuid) AS id, team_id AS teamId, event, distinct_id, properties,
         elements_chain, ${isoForm("timestamp")} AS timestamp
       FROM events WHERE isNull({teamId: Nullable(Int64)}) OR team_id = {teamId: Nullable(Int64)}
       ORDER BY _timestamp DESC, _offset DESC LIMIT 1 BY uuid LIMIT {limit: UInt32}`,
      { teamId, limit },
    );
    return rows.map((row) => ({
      id: row.id,
      teamId: row.teamId,
      event: row.event,
      distinctId: row.distinct_id,
      timestamp: new Date(row.timestamp),
      properties: withElements(JSON.parse(row.properties), elementsOfChain(row.elements_chain)),
    }));
  }

  /** Events of a span in the order in which they came, as JSON texts of plugin events. */
  async page(
    teamId: number,
    { from, to }: { readonly from: number; readonly to: number },
    { offset, limit }: { readonly offset: number; readonly limit: number },
  ): Promise<Uint8Array[]> {
    const rows = await this.#clickhouse.query<EventRow>(
      `SELECT event, distinct_id, properties, elements_chain,
         ${isoForm("timestamp")} AS timestamp, ${isoForm("created_at")} AS created_at
       FROM events FINAL WHERE ${WITHIN}
       ORDER BY _timestamp, _offset, uuid LIMIT {limit: UInt32} OFFSET {offset: UInt32}`,
      { teamId, from: Math.trunc(from), to: Math.trunc(to), limit, offset },
    );
    return rows.map((row) =>
      exportedEvent({
        teamId,
        event: row.event,
        distinctId: row.distinct_id,
        properties: JSON.parse(row.properties),
        elements: elementsOfChain(row.elements_chain),
        timestamp: row.timestamp,
        createdAt: row.created_at,
      })
    );
  }
}

/** A column's moment in the form of `Date.toISOString()`. */
function isoForm(column: string): string {
  return `formatDateTime(events.${column}, '%Y-%m-%dT%H:%i:%S', 'UTC') || '.' ` +
    `|| leftPad(toString(intDiv(toUnixTimestamp64Micro(events.${column}), 1000) % 1000), 3, '0') || 'Z'`;
}
