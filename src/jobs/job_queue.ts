/** Paddock's job queue: what is to be done later, kept in Postgres. */
import { textArray } from "../stores/postgres/binary_arrays.ts";
import type { Database, Queryable } from "../stores/postgres/database.ts";
import { type Mask, NO_MASK } from "../telemetry/secret_values.ts";
import { asWord } from "../stores/postgres/retention/visitor_traces.ts";
import enqueueJobs from "./enqueue.sql" with { type: "text" };
import { jobText, TASKS } from "./job_payload.ts";
import type { JobPolicies } from "./job_settings.ts";
import type { JobSink, NewExportJob, NewJob } from "./new_job.ts";

/** A job as an operator sees it. */
export interface StoredJob {
  readonly id: string;
  /** `pluginJob`, `exportEventsWithRetry` or `actionHook`. */
  readonly task: string;
  readonly state: "dead" | "running" | "due" | "later";
  readonly configId: number | null;
  readonly teamId: number | null;
  /** Of the plugin's job, or which kind of hook; null for a batch. */
  readonly name: string | null;
  /** Of the batch; null for others. */
  readonly events: number | null;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly runAt: Date;
  readonly createdAt: Date;
  readonly lastError: string | null;
}

const TEAM_ID = "coalesce(payload->>'pluginConfigTeam', payload->>'teamId')::int";

const COLUMNS = `job.id::text, task.identifier AS task,
  CASE WHEN attempts >= max_attempts AND locked_at IS NULL THEN 'dead'
    WHEN locked_at IS NOT NULL THEN 'running' WHEN run_at <= now() THEN 'due' ELSE 'later' END AS state,
  (payload->>'pluginConfigId')::int AS "configId", ${TEAM_ID} AS "teamId",
  payload->>'type' AS name, (payload->>'events')::int AS events, attempts,
  max_attempts AS "maxAttempts", run_at AS "runAt", created_at AS "createdAt",
  last_error AS "lastError"`;

const FROM_JOBS = `FROM paddock_jobs._private_jobs AS job
  JOIN paddock_jobs._private_tasks AS task ON task.id = job.task_id`;

const IS_DEAD = "attempts >= max_attempts AND locked_at IS NULL";

/** A job's reason carries a plugin's words. */
const MAX_REASON = 2_000;

export class JobQueue implements JobSink {
  readonly #database: Database;
  readonly #policies: JobPolicies;

  readonly #mask: Mask;

  /**
   * @param database that of the queue, migrated; see `migrateJobSchema`
   * @param mask hides what no reason of a failure may show
   */
  constructor(database: Database, policies: JobPolicies, mask: Mask = NO_MASK) {
    this.#mask = mask;
    this.#database = database;
    this.#policies = policies;
  }

  async enqueue(jobs: readonly NewJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const dead = jobs.filter((job): job is NewExportJob => job.kind === "export" && job.isDead);
    if (dead.length === 0) {
      await this.add(this.#database, jobs);
      return;
    }
    await this.#database.transaction(async (tx) => {
      await this.add(tx, jobs.filter((job) => !dead.includes(job as NewExportJob)));
      for (const job of dead) {
        const ids = await this.add(tx, [job]);
        await tx.query("SELECT FROM paddock_jobs.permanently_fail_jobs($1::bigint[], $2)", [
          ids,
          this.#mask(job.reason).slice(0, MAX_REASON),
        ]);
      }
    });
  }

  /** The same within a transaction of the caller's. Resolves with the new jobs' ids. */
  async add(tx: Queryable, jobs: readonly NewJob[]): Promise<string[]> {
    if (jobs.length === 0) return [];
    const texts = await Promise.all(jobs.map(jobText));
    const rows = await tx.query<{ id: string }>(enqueueJobs, [
      jobs.map(({ kind }) => TASKS[kind]),
      textArray(texts),
      jobs.map(({ dueAtMs }) => dueAtMs ?? null),
      jobs.map(({ dueInMs }) => dueInMs ?? null),
      jobs.map((job) => job.kind === "hook" ? job.attempts : this.#policies[job.kind].attempts),
    ]);
    return rows.map(({ id }) => id);
  }

  /** The oldest first. */
  async list(
    { limit, onlyDead, teamId }: {
      readonly limit: number;
      readonly onlyDead: boolean;
      readonly teamId: number | null;
    },
  ): Promise<StoredJob[]> {
    return await this.#database.query(
      `SELECT ${COLUMNS} ${FROM_JOBS}
       WHERE ($2::bool IS FALSE OR ${IS_DEAD})
         AND ($3::int IS NULL OR ${TEAM_ID} = $3)
       ORDER BY job.id LIMIT $1`,
      [limit, onlyDead, teamId],
    );
  }

  /** One job with its payload as JSON text, or null. */
  async show(id: string): Promise<StoredJob & { readonly payload: string } | null> {
    const rows = await this.#database.query<StoredJob & { readonly payload: string }>(
      `SELECT ${COLUMNS}, payload::text AS payload ${FROM_JOBS} WHERE job.id = $1`,
      [id],
    );
    return rows[0] ?? null;
  }

  /** Makes dead jobs due again, with all their tries. Resolves with how many. */
  async retry(ids: readonly string[] | "all"): Promise<number> {
    const rows = await this.#database.query(
      `SELECT FROM paddock_jobs.reschedule_jobs(ARRAY(
         SELECT id FROM paddock_jobs._private_jobs
         WHERE ${IS_DEAD} AND ($1::bigint[] IS NULL OR id = ANY ($1))
       ), now(), NULL, 0, NULL)`,
      [ids === "all" ? null : ids],
    );
    return rows.length;
  }

  /** Forgets dead jobs that nobody tried again within so many days. Resolves with how many. */
  async forgetDead(retentionDays: number): Promise<number> {
    const rows = await this.#database.query(
      `DELETE FROM paddock_jobs._private_jobs
       WHERE ${IS_DEAD} AND updated_at < now() - $1 * interval '1 day' RETURNING 1`,
      [retentionDays],
    );
    return rows.length;
  }

  /** Jobs of a plugin config that are not dead. */
  async waiting(configId: number): Promise<number> {
    const rows = await this.#database.query<{ waiting: number }>(
      `SELECT count(*)::int AS waiting FROM paddock_jobs._private_jobs
       WHERE (payload->>'pluginConfigId')::int = $1 AND NOT (${IS_DEAD})`,
      [configId],
    );
    return rows[0]?.waiting ?? 0;
  }

  /**
   * Forgets requests to hooks that name a visitor and are not under way, dead ones included. Resolves
   * with how many.
   */
  async forgetVisitor(distinctId: string, teamId: number | null): Promise<number> {
    const rows = await this.#database.query(
      `DELETE FROM paddock_jobs._private_jobs AS job USING paddock_jobs._private_tasks AS task
       WHERE task.id = job.task_id AND task.identifier = $1 AND job.locked_at IS NULL
         AND ($2::int IS NULL OR (payload->>'teamId')::int = $2)
         AND (payload->>'body' ~ $3 OR EXISTS (
           SELECT FROM unnest($4::text[]) AS link WHERE strpos(payload->>'body', link) > 0
         )) RETURNING 1`,
      [
        TASKS.hook,
        teamId,
        asWord(JSON.stringify(distinctId).slice(1, -1)),
        // In the address of a person's page, as each kind of message ends it.
        ["|", ")"].map((end) => `/person/${encodeURIComponent(distinctId)}${end}`),
      ],
    );
    return rows.length;
  }

  /** Requests to a team's hooks that are not dead. */
  async waitingHooks(teamId: number): Promise<number> {
    const rows = await this.#database.query<{ waiting: number }>(
      `SELECT count(*)::int AS waiting ${FROM_JOBS}
       WHERE task.identifier = $1 AND (payload->>'teamId')::int = $2 AND NOT (${IS_DEAD})`,
      [TASKS.hook, teamId],
    );
    return rows[0]?.waiting ?? 0;
  }

  /** Jobs that wait, and those that are dead. */
  async counts(): Promise<{ readonly waiting: number; readonly dead: number }> {
    const rows = await this.#database.query<{ waiting: number; dead: number }>(
      `SELECT count(*) FILTER (WHERE NOT (${IS_DEAD}))::int AS waiting,
         count(*) FILTER (WHERE ${IS_DEAD})::int AS dead FROM paddock_jobs._private_jobs`,
    );
    return rows[0] ?? { waiting: 0, dead: 0 };
  }
}
