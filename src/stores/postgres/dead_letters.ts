import type { DeadLetter } from "../../events/dead_letter.ts";
import { storableText } from "../../events/storable_text.ts";
import { type Mask, NO_MASK } from "../../telemetry/secret_values.ts";
import { textArray } from "./binary_arrays.ts";
import type { Queryable } from "./database.ts";

/** A stored dead letter. */
export interface StoredDeadLetter extends DeadLetter {
  readonly id: string;
  readonly createdAt: Date;
}

/** A stored dead letter as a list shows it. */
export type ListedDeadLetter = Omit<StoredDeadLetter, "payload">;

/** Which dead letters are meant; what is left out does not matter. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[];
  readonly teamId?: number;
  readonly step?: string;
  readonly code?: string;
  /** Configs of the plugin that they are about. */
  readonly pluginConfigIds?: readonly number[];
  readonly since?: Date;
  /** Not itself included. */
  readonly until?: Date;
  readonly distinctId?: string;
}

/** Reasons carry a driver's words, which may quote a whole value. */
const MAX_REASON = 2_000;
/** Of names and ids: longer ones can be the very reason, and do not fit an index. */
const MAX_NAME = 400;

const LISTED = `id, created_at AS "createdAt", kind, source, team_id AS "teamId",
  event_uuid AS "eventUuid", event, distinct_id AS "distinctId", step,
  plugin_config_id AS "pluginConfigId", code, reason, attempts`;

const MATCHES = `($1::bigint[] IS NULL OR id = ANY ($1))
  AND ($2::int IS NULL OR team_id = $2)
  AND ($3::text IS NULL OR step = $3)
  AND ($4::text IS NULL OR code = $4)
  AND ($5::int[] IS NULL OR plugin_config_id = ANY ($5))
  AND ($6::timestamptz IS NULL OR created_at >= $6)
  AND ($7::timestamptz IS NULL OR created_at < $7)
  AND ($8::text IS NULL OR distinct_id = $8)`;

const INSERT = `
INSERT INTO paddock.dead_letter (
  kind, source, team_id, event_uuid, event, distinct_id, step, plugin_config_id, code, reason,
  attempts, payload
)
SELECT * FROM unnest(
  $1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[],
  $9::text[], $10::text[], $11::int[], $12::text[]
)`;

/** The first few that match, as many as fit into so many characters, one at least. */
const NEXT = `
WITH candidate AS (
  SELECT id, octet_length(payload) AS size FROM paddock.dead_letter
  WHERE ${MATCHES} AND id > $9::bigint AND id <= $10::bigint ORDER BY id LIMIT $11
), counted AS (
  SELECT id, sum(size) OVER (ORDER BY id) AS total, row_number() OVER (ORDER BY id) AS place
  FROM candidate
)
SELECT id FROM counted WHERE total <= $12 OR place = 1 ORDER BY id`;

/** The table of what could not be stored. */
export class DeadLetters {
  readonly #mask: Mask;

  /** @param mask hides what no letter may show; what it hid is not there for a replay either */
  constructor(mask: Mask = NO_MASK) {
    this.#mask = mask;
  }

  /** Appends within the caller's transaction. */
  async append(tx: Queryable, letters: readonly DeadLetter[]): Promise<void> {
    const texts = (column: (letter: DeadLetter) => string | null, length = Infinity) =>
      textArray(letters.map((letter) => {
        const value = column(letter);
        return value === null ? null : storableText(this.#mask(value).slice(0, length));
      }));
    // A team id that is no int4 is a reason for a dead letter, so it must not refuse one.
    const integer = (value: number | null) =>
      value !== null && Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? value : null;
    await tx.query(INSERT, [
      texts((letter) => letter.kind),
      texts((letter) => letter.source),
      letters.map((letter) => integer(letter.teamId)),
      texts((letter) => letter.eventUuid),
      texts((letter) => letter.event, MAX_NAME),
      texts((letter) => letter.distinctId, MAX_NAME),
      texts((letter) => letter.step),
      letters.map((letter) => integer(letter.pluginConfigId)),
      texts((letter) => letter.code),
      texts((letter) => letter.reason, MAX_REASON),
      letters.map((letter) => letter.attempts),
      texts((letter) => letter.payload),
    ]);
  }

  /**
   * The newest first.
   * @param page `before` is the id of the last one of the page before
   */
  async list(
    tx: Queryable,
    filter: DeadLetterFilter,
    page: { readonly limit: number; readonly before?: string },
  ): Promise<ListedDeadLetter[]> {
    return await tx.query(
      `SELECT ${LISTED} FROM paddock.dead_letter
       WHERE ${MATCHES} AND ($9::bigint IS NULL OR id < $9) ORDER BY id DESC LIMIT $10`,
      [...parameters(filter), page.before ?? null, page.limit],
    );
  }

  /** How many match, and the highest id among them; "0" where there is none. */
  async count(
    tx: Queryable,
    filter: DeadLetterFilter,
  ): Promise<{ readonly count: number; readonly lastId: string }> {
    const rows = await tx.query<{ count: number; lastId: string }>(
      `SELECT count(*)::int AS count, coalesce(max(id), 0)::text AS "lastId"
       FROM paddock.dead_letter WHERE ${MATCHES}`,
      parameters(filter),
    );
    return rows[0] ?? { count: 0, lastId: "0" };
  }

  async show(tx: Queryable, id: string): Promise<StoredDeadLetter | null> {
    const rows = await tx.query<StoredDeadLetter>(
      `SELECT ${LISTED}, payload FROM paddock.dead_letter WHERE id = $1`,
      [id],
    );
    return rows[0] ?? null;
  }

  /** Ids of the next ones that match, ascending, after one id and up to another. */
  async next(
    tx: Queryable,
    filter: DeadLetterFilter,
    range: { readonly after: string; readonly until: string },
    limit: { readonly letters: number; readonly bytes: number },
  ): Promise<string[]> {
    const rows = await tx.query<{ id: string }>(NEXT, [
      ...parameters(filter),
      ...[range.after, range.until, limit.letters, limit.bytes],
    ]);
    return rows.map(({ id }) => id);
  }

  /** Those of the ids that are still there, ascending; nobody else changes them before the commit. */
  async lock(tx: Queryable, ids: readonly string[]): Promise<StoredDeadLetter[]> {
    return await tx.query(
      `SELECT ${LISTED}, payload FROM paddock.dead_letter
       WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE`,
      [ids],
    );
  }

  /** Forgets what matches. Resolves with how many. */
  async remove(tx: Queryable, filter: DeadLetterFilter): Promise<number> {
    const rows = await tx.query<{ count: number }>(
      `WITH gone AS (DELETE FROM paddock.dead_letter WHERE ${MATCHES} RETURNING 1)
       SELECT count(*)::int AS count FROM gone`,
      parameters(filter),
    );
    return rows[0]?.count ?? 0;
  }
}

function parameters(filter: DeadLetterFilter): unknown[] {
  return [
    filter.ids ?? null,
    filter.teamId ?? null,
    filter.step ?? null,
    filter.code ?? null,
    filter.pluginConfigIds ?? null,
    filter.since ?? null,
    filter.until ?? null,
    filter.distinctId?.slice(0, MAX_NAME) ?? null,
  ];
}
