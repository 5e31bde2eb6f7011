/** Stored events that plugins are still to be told of, written with the events themselves. */
import { promisify } from "node:util";
import { constants, deflateRaw, inflateRaw } from "node:zlib";
import {
  decodeOutgoing,
  encodeOutgoing,
  type OutgoingEvent,
} from "../../../events/outgoing_event.ts";
import type { Queryable } from "../database.ts";
import pruneBehindAll from "./prune_behind_all.sql" with { type: "text" };
import pruneBehindTeams from "./prune_behind_teams.sql" with { type: "text" };
import readRows from "./read.sql" with { type: "text" };
import writersNow from "./writers_now.sql" with { type: "text" };

/** A row of the outbox: the events of the teams that were asked for. */
export interface OutboxRow {
  /** Its position: rows are delivered in this order. */
  readonly id: bigint;
  readonly events: readonly OutgoingEvent[];
}

/** What a read brought. */
export interface OutboxRead {
  readonly rows: readonly OutboxRow[];
  /** False where there are more rows between the two positions. */
  readonly isComplete: boolean;
}

/** How much one read may bring; at least one row is brought, however large. */
export interface OutboxReadLimit {
  readonly rows: number;
  /** Compressed. */
  readonly bytes: number;
}

/** Any constants: only writers of the outbox take this lock, and they share it. */
const LOCK_CLASS = 7_233;
const LOCK_KEY = 366;

/** Before compression; a row above it is two. */
const ROW_BYTES = 4 * 1024 * 1024;
const PRUNE_ROWS = 1_000;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);
// A tenth of the time of the default level, for two thirds of what it saves.
const FAST = { level: constants.Z_BEST_SPEED };

export class PostgresOutbox {
  readonly #database: Queryable;
  readonly #onNews: () => void;
  /** Positions are handed out, and not all of their transactions have ended. */
  #awaited: { readonly position: bigint; readonly writers: readonly string[] } | null = null;
  #settled = 0n;

  /** @param onNews called when this server appended something and it was committed */
  constructor(database: Queryable, onNews: () => void = () => {}) {
    this.#database = database;
    this.#onNews = onNews;
  }

  /** Says that what was appended is committed, so that nobody has to find out by looking. */
  committed(): void {
    this.#onNews();
  }

  /**
   * Appends within the caller's transaction, which must end soon: readers wait for it.
   * @param events oldest first
   */
  async append(tx: Queryable, events: readonly OutgoingEvent[]): Promise<void> {
    if (events.length === 0) return;
    const rows = inRows(events);
    const payloads = await Promise.all(rows.map((row) => deflate(encodeOutgoing(row), FAST)));
    // Before the row gets its position, so that whoever sees the position sees the lock as well.
    await tx.query("SELECT pg_advisory_xact_lock_shared($1, $2)", [LOCK_CLASS, LOCK_KEY]);
    for (const [index, row] of rows.entries()) {
      await tx.query({
        name: "outbox_append",
        text: "INSERT INTO paddock.outbox (team_ids, events, payload) VALUES ($1, $2, $3)",
      }, [[...new Set(row.map(({ teamId }) => teamId))], row.length, payloads[index]]);
    }
  }

  /**
   * The position up to which nothing can appear any more. Positions are handed out before their
   * transactions end, in any order: a reader that went by the highest it sees would pass over a row
   * that is committed later.
   */
  async settled(): Promise<bigint> {
    if (this.#awaited === null) {
      const position = await this.lastPosition();
      if (position === this.#settled) return position;
      this.#awaited = { position, writers: await this.#writers() };
    } else {
      const writers = await this.#writers();
      const { position, writers: before } = this.#awaited;
      this.#awaited = {
        position,
        writers: [...before].filter((writer) => writers.includes(writer)),
      };
    }
    if (this.#awaited.writers.length === 0) {
      this.#settled = this.#awaited.position;
      this.#awaited = null;
    }
    return this.#settled;
  }

  /** The highest position that was handed out so far, its transaction ended or not. */
  async lastPosition(): Promise<bigint> {
    const rows = await this.#database.query<{ position: string }>({
      name: "outbox_position",
      text: `SELECT CASE WHEN is_called THEN last_value ELSE 0 END::text AS position
             FROM paddock.outbox_id_seq`,
    });
    return BigInt(rows[0]?.position ?? 0);
  }

  /** Rows after a position and up to a settled one, with the events of these teams, oldest first. */
  async read(
    after: bigint,
    until: bigint,
    teamIds: readonly number[],
    limit: OutboxReadLimit,
  ): Promise<OutboxRead> {
    const found = await this.#database.query<{ id: string; payload: Uint8Array; found: number }>(
      { name: "outbox_read", text: readRows },
      [after, until, teamIds, limit.bytes, limit.rows],
    );
    const wanted = new Set(teamIds);
    const rows = await Promise.all(found.map(async ({ id, payload }) => ({
      id: BigInt(id),
      events: decodeOutgoing(await inflate(payload)).filter(({ teamId }) => wanted.has(teamId)),
    })));
    const total = found[0]?.found ?? 0;
    return { rows, isComplete: rows.length === total && total < limit.rows };
  }

  /**
   * Forgets rows that are done. Resolves with their number.
   * @param thoroughly also those behind a plugin that is stuck, if their own teams are done with them
   */
  async prune(settled: bigint, thoroughly: boolean): Promise<number> {
    const statement = thoroughly ? pruneBehindTeams : pruneBehindAll;
    let pruned = 0;
    for (let count = PRUNE_ROWS; count === PRUNE_ROWS;) {
      count = (await this.#database.query(statement, [settled, PRUNE_ROWS])).length;
      pruned += count;
    }
    return pruned;
  }

  /**
   * Forgets what is older than it may be, delivered or not.
   * @returns for each team that lost events, how many
   */
  async expire(retentionHours: number): Promise<ReadonlyMap<number, number>> {
    const rows = await this.#database.query<{ team_ids: number[]; events: number }>(
      `DELETE FROM paddock.outbox WHERE id IN (
         SELECT id FROM paddock.outbox WHERE created_at < now() - $1 * interval '1 hour'
         ORDER BY id LIMIT $2
       ) RETURNING team_ids, events`,
      [retentionHours, PRUNE_ROWS],
    );
    const lost = new Map<number, number>();
    for (const { team_ids: teamIds, events } of rows) {
      for (const teamId of teamIds) lost.set(teamId, (lost.get(teamId) ?? 0) + events);
    }
    return lost;
  }

  /** Those that may hold positions which nobody sees yet. */
  async #writers(): Promise<string[]> {
    const rows = await this.#database.query<{ id: string }>(
      { name: "outbox_writers", text: writersNow },
      [LOCK_CLASS, LOCK_KEY],
    );
    return rows.map(({ id }) => id);
  }
}

function inRows(events: readonly OutgoingEvent[]): OutgoingEvent[][] {
  const rows: OutgoingEvent[][] = [];
  let row: OutgoingEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    if (row.length > 0 && bytes + event.text.byteLength > ROW_BYTES) {
      rows.push(row);
      [row, bytes] = [[], 0];
    }
    row.push(event);
    bytes += event.text.byteLength;
  }
  rows.push(row);
  return rows;
}
