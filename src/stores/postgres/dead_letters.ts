import type { DeadLetter } from "../../events/dead_letter.ts";
import { storableText } from "../../events/storable_text.ts";
import { textArray } from "./binary_arrays.ts";
import type { Queryable } from "./database.ts";

/** A stored dead letter. */
export interface StoredDeadLetter extends DeadLetter {
  readonly id: string;
  readonly createdAt: Date;
}

/** Reasons carry a driver's words, which may quote a whole value. */
const MAX_REASON = 2_000;

const COLUMNS = `id, created_at AS "createdAt", source, team_id AS "teamId",
  event_uuid AS "eventUuid", event, distinct_id AS "distinctId", step,
  plugin_config_id AS "pluginConfigId", code, reason, attempts, payload`;

const INSERT = `
INSERT INTO paddock.dead_letter (
  source, team_id, event_uuid, event, distinct_id, step, plugin_config_id, code, reason, attempts,
  payload
)
SELECT * FROM unnest(
  $1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[],
  $9::text[], $10::int[], $11::text[]
)`;

/** The table of what could not be stored. */
export class DeadLetters {
  /** Appends within the caller's transaction. */
  async append(tx: Queryable, letters: readonly DeadLetter[]): Promise<void> {
    const texts = (column: (letter: DeadLetter) => string | null) =>
      textArray(letters.map((letter) => {
        const value = column(letter);
        return value === null ? null : storableText(value);
      }));
    // A team id that is no int4 is a reason for a dead letter, so it must not refuse one.
    const integer = (value: number | null) =>
      value !== null && Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? value : null;
    await tx.query(INSERT, [
      texts((letter) => letter.source),
      letters.map((letter) => integer(letter.teamId)),
      texts((letter) => letter.eventUuid),
      texts((letter) => letter.event),
      texts((letter) => letter.distinctId),
      texts((letter) => letter.step),
      letters.map((letter) => integer(letter.pluginConfigId)),
      texts((letter) => letter.code),
      texts((letter) => letter.reason.slice(0, MAX_REASON)),
      letters.map((letter) => letter.attempts),
      texts((letter) => letter.payload),
    ]);
  }

  /** The newest first. */
  async list(tx: Queryable, limit: number, teamId: number | null): Promise<StoredDeadLetter[]> {
    return await tx.query(
      `SELECT ${COLUMNS} FROM paddock.dead_letter
       WHERE $2::int IS NULL OR team_id = $2 ORDER BY id DESC LIMIT $1`,
      [limit, teamId],
    );
  }

  async show(tx: Queryable, id: string): Promise<StoredDeadLetter | null> {
    const rows = await tx.query<StoredDeadLetter>(
      `SELECT ${COLUMNS} FROM paddock.dead_letter WHERE id = $1`,
      [id],
    );
    return rows[0] ?? null;
  }
}
