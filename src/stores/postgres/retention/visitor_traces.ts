/**
 * What of a visitor is kept beside the stored events and people: dead letters, and what plugins said
 * of events, in their errors and in their logs.
 */
import { Buffer } from "node:buffer";
import type { Queryable } from "../database.ts";

/** What was deleted. */
export interface DeletedTraces {
  readonly deadLetters: number;
  readonly pluginErrors: number;
  readonly logLines: number;
}

/** Messages that were never understood are read through so many at a time. */
const CHUNK = 100;

const LETTERS = `
WITH gone AS (
  DELETE FROM paddock.dead_letter
  WHERE (distinct_id = left($1, 400) OR strpos(payload, $2) > 0)
    AND ($3::int IS NULL OR team_id = $3)
  RETURNING 1
) SELECT count(*)::int AS count FROM gone`;

const ERRORS = `
WITH gone AS (
  UPDATE posthog_pluginconfig SET error = NULL
  WHERE error::text ~ $1 AND ($2::int IS NULL OR team_id = $2) RETURNING 1
) SELECT count(*)::int AS count FROM gone`;

const LINES = `
WITH gone AS (
  DELETE FROM posthog_pluginlogentry
  WHERE message ~ $1 AND ($2::int IS NULL OR team_id = $2) RETURNING 1
) SELECT count(*)::int AS count FROM gone`;

const MESSAGES = `
SELECT id::text, payload FROM paddock.dead_letter
WHERE kind = 'message' AND id > $1::bigint ORDER BY id LIMIT $2`;

/**
 * Deletes them. Messages that were not understood belong to no team, and are looked through whatever
 * `teamId` is. A log line or an error counts where the id stands in it as a word of its own.
 */
export async function deleteVisitorTraces(
  database: Queryable,
  distinctId: string,
  teamId: number | null,
): Promise<DeletedTraces> {
  const count = async (statement: string, values: readonly unknown[]) =>
    (await database.query<{ count: number }>(statement, values))[0]?.count ?? 0;
  const asJson = JSON.stringify(distinctId);
  const letters = await count(LETTERS, [distinctId, asJson, teamId]);
  return {
    deadLetters: letters + await deleteMessages(database, asJson),
    // The column is JSON: the id stands there as JSON writes it.
    pluginErrors: await count(ERRORS, [asWord(asJson.slice(1, -1)), teamId]),
    logLines: await count(LINES, [asWord(distinctId), teamId]),
  };
}

/** The body of a Celery message is base64, which no search for a text sees through. */
async function deleteMessages(database: Queryable, asJson: string): Promise<number> {
  let [deleted, after] = [0, "0"];
  while (true) {
    const rows = await database.query<{ id: string; payload: string }>(MESSAGES, [after, CHUNK]);
    const last = rows.at(-1);
    if (last === undefined) return deleted;
    after = last.id;
    const ids = rows.filter(({ payload }) => bodyOf(payload).includes(asJson)).map(({ id }) => id);
    if (ids.length === 0) continue;
    await database.query("DELETE FROM paddock.dead_letter WHERE id = ANY ($1::bigint[])", [ids]);
    deleted += ids.length;
  }
}

function bodyOf(payload: string): string {
  const body = /"body"\s*:\s*"([A-Za-z0-9+/=]+)"/.exec(payload)?.[1];
  return body === undefined ? "" : Buffer.from(body, "base64").toString();
}

/** A pattern for the text where no letter or digit goes on at its ends. */
export function asWord(text: string): string {
  const literal = text.replace(/[^\p{L}\p{N}\s]/gu, (character) => `\\${character}`);
  return `(^|[^[:alnum:]])${literal}($|[^[:alnum:]])`;
}
