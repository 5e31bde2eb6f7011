/** What is kept beside the events, for so long and no longer. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../../errors.ts";
import type { Queryable } from "../database.ts";

/** Days that each is kept; 0 is for ever. */
export interface RetentionDays {
  readonly deadLetters: number;
  readonly pluginLogs: number;
  readonly pluginErrors: number;
}

/** Rows of one statement, so that none holds its locks for long. */
const CHUNK = 10_000;
const EVERY_MS = 3_600_000;

const OLD = "now() - $1::float8 * interval '1 day'";

const STATEMENTS: Readonly<Record<keyof RetentionDays, string>> = {
  deadLetters: `
WITH gone AS (
  DELETE FROM paddock.dead_letter WHERE id IN (
    SELECT id FROM paddock.dead_letter WHERE created_at < ${OLD} LIMIT $2
  ) RETURNING 1
) SELECT count(*)::int AS count FROM gone`,
  pluginLogs: `
WITH gone AS (
  DELETE FROM posthog_pluginlogentry WHERE id IN (
    SELECT id FROM posthog_pluginlogentry WHERE "timestamp" < ${OLD} LIMIT $2
  ) RETURNING 1
) SELECT count(*)::int AS count FROM gone`,
  // Times in that column are ISO 8601 in UTC, whoever wrote them, so that texts compare like times.
  pluginErrors: `
WITH gone AS (
  UPDATE posthog_pluginconfig SET error = NULL WHERE id IN (
    SELECT id FROM posthog_pluginconfig
    WHERE error->>'time' < to_char((${OLD}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
    LIMIT $2
  ) RETURNING 1
) SELECT count(*)::int AS count FROM gone`,
};

/** Deletes what is too old: now, and every hour. Any number of servers may do so. */
export class Retention {
  readonly #database: Queryable;
  readonly #days: RetentionDays;
  readonly #log = getLogger(["paddock", "retention"]);
  #timer: ReturnType<typeof setInterval> | undefined;
  #working: Promise<void> | null = null;
  #isStopped = false;

  constructor(database: Queryable, days: RetentionDays) {
    this.#database = database;
    this.#days = days;
  }

  start(): void {
    const work = () => {
      this.#working ??= this.#work().finally(() => this.#working = null);
    };
    this.#timer = setInterval(work, EVERY_MS);
    work();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#working;
  }

  /** How many of each were deleted. */
  async deleteOld(): Promise<Record<keyof RetentionDays, number>> {
    const deleted = { deadLetters: 0, pluginLogs: 0, pluginErrors: 0 };
    for (const what of Object.keys(deleted) as (keyof RetentionDays)[]) {
      if (this.#days[what] <= 0) continue;
      let count = CHUNK;
      while (count === CHUNK && !this.#isStopped) {
        const rows = await this.#database.query<{ count: number }>(STATEMENTS[what], [
          this.#days[what],
          CHUNK,
        ]);
        count = rows[0]?.count ?? 0;
        deleted[what] += count;
      }
    }
    return deleted;
  }

  async #work(): Promise<void> {
    try {
      const { deadLetters, pluginLogs, pluginErrors } = await this.deleteOld();
      if (deadLetters + pluginLogs + pluginErrors === 0) return;
      this.#log
        .info`deleted as too old: ${deadLetters} dead letters, ${pluginLogs} lines of plugins' logs, ${pluginErrors} errors of plugins`;
    } catch (error) {
      this.#log.warn`what is too old was not deleted: ${errorMessage(error)}`;
    }
  }
}
