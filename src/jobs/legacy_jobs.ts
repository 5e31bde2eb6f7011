/**
 * The jobs that the server before left behind: those that are due move into Paddock's own queue, a
 * transaction at a time, so that none is lost or run twice. Its schema stays as it is, and what is not
 * due yet stays in it, for whichever server runs then.
 */
import { randomUUID } from "node:crypto";
import { Buffer } from "node:buffer";
// @ts-types="@types/pg"
import pg from "pg";
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import { isObject } from "../events/person_properties.ts";
import type { Database, Queryable } from "../stores/postgres/database.ts";
import { EXPORT_TASK, PLUGIN_TASK, readPluginJob } from "./job_payload.ts";
import type { JobQueue } from "./job_queue.ts";
import type { NewJob } from "./new_job.ts";
import { jobSchemaKind } from "./schema.ts";

/** Jobs that move at a time. */
const AT_ONCE = 100;

interface LegacyRow {
  readonly id: string;
  readonly payload: unknown;
}

export class LegacyJobs {
  readonly #database: Database;
  readonly #queue: JobQueue;
  readonly #schema: string;
  readonly #worker = `paddock-${randomUUID()}`;
  readonly #log = getLogger(["paddock", "jobs"]);
  #timer: ReturnType<typeof setInterval> | undefined;
  #moving: Promise<void> | null = null;
  #saidAway = false;

  /** @param schema of the server before: JOB_QUEUE_GRAPHILE_SCHEMA */
  constructor(database: Database, queue: JobQueue, schema: string) {
    this.#database = database;
    this.#queue = queue;
    this.#schema = schema;
  }

  /** Looks now and then; a server before that still runs may go on adding jobs. */
  start(everyMs: number): void {
    this.#timer = setInterval(() => {
      this.#moving ??= this.#moveAll().finally(() => this.#moving = null);
    }, everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#moving;
  }

  /** Moves what is due now. Resolves with how many jobs. */
  async move(): Promise<number> {
    const kind = await jobSchemaKind(this.#database, this.#schema);
    if (kind === "absent") return 0;
    // Quoted by the driver: a schema cannot be a parameter of a statement.
    const schema = pg.escapeIdentifier(this.#schema);
    let moved = 0;
    for (let count = AT_ONCE; count === AT_ONCE;) {
      count = await this.#database.transaction((tx) =>
        kind === "before" ? this.#moveBefore(tx, schema) : this.#moveUpgraded(tx, schema)
      );
      moved += count;
    }
    return moved;
  }

  async #moveAll(): Promise<void> {
    try {
      const moved = await this.move();
      if (moved > 0) this.#log.info`took over ${moved} jobs of the server before`;
      this.#saidAway = false;
    } catch (error) {
      if (!this.#saidAway) {
        this.#log.warn`jobs in ${this.#schema} are not taken over: ${errorMessage(error)}`;
      }
      this.#saidAway = true;
    }
  }

  /** By the functions that the schema itself has, as any worker of its version would. */
  async #moveBefore(tx: Queryable, schema: string): Promise<number> {
    const rows = await tx.query<LegacyRow>(
      `SELECT (job).id::text AS id, (job).payload AS payload FROM (
         SELECT ${schema}.get_job($1, ARRAY[$2]) AS job FROM generate_series(1, $3) OFFSET 0
       ) AS taken WHERE (job).id IS NOT NULL`,
      [this.#worker, PLUGIN_TASK, AT_ONCE],
    );
    const refused = await this.#take(tx, rows);
    const taken = rows.filter(({ id }) => !refused.has(id)).map(({ id }) => id);
    await tx.query(
      `SELECT ${schema}.complete_job($1, id) FROM unnest($2::bigint[]) AS id`,
      [this.#worker, taken],
    );
    for (const [id, reason] of refused) {
      await tx.query(`SELECT ${schema}.fail_job($1, $2::bigint, $3)`, [this.#worker, id, reason]);
    }
    return rows.length;
  }

  /** Of a schema that was upgraded on request. */
  async #moveUpgraded(tx: Queryable, schema: string): Promise<number> {
    const rows = await tx.query<LegacyRow>(
      `DELETE FROM ${schema}._private_jobs WHERE id IN (
         SELECT job.id FROM ${schema}._private_jobs AS job
         JOIN ${schema}._private_tasks AS task ON task.id = job.task_id
         WHERE task.identifier = $1 AND is_available AND run_at <= now()
         ORDER BY priority, run_at, job.id LIMIT $2 FOR UPDATE OF job SKIP LOCKED
       ) RETURNING id::text, payload`,
      [PLUGIN_TASK, AT_ONCE],
    );
    const refused = await this.#take(tx, rows);
    for (const { id, payload } of rows) {
      const reason = refused.get(id);
      if (reason === undefined) continue;
      this.#log.with(ownerOf(payload))
        .error`job ${id} of schema ${this.#schema} was dropped: ${reason}`;
    }
    return rows.length;
  }

  /** Puts them into our queue. Returns those that are not what a job looks like, and why. */
  async #take(tx: Queryable, rows: readonly LegacyRow[]): Promise<Map<string, string>> {
    const refused = new Map<string, string>();
    const jobs: NewJob[] = [];
    for (const { id, payload } of rows) {
      try {
        jobs.push(newJob(payload));
      } catch (error) {
        refused.set(id, errorMessage(error));
      }
    }
    await this.#queue.add(tx, jobs);
    return refused;
  }
}

/** As it is in our queue. The server before keeps batches that were not exported as plugin jobs. */
function newJob(stored: unknown): NewJob {
  const { teamId, configId, name, payload } = readPluginJob(stored);
  if (name === EXPORT_TASK && isObject(payload) && Array.isArray(payload.batch)) {
    const texts = payload.batch.map((event) => Buffer.from(JSON.stringify(event)));
    return { kind: "export", teamId, configId, texts, reason: "", isDead: false };
  }
  const text = payload === undefined || payload === null ? null : JSON.stringify(payload);
  return { kind: "plugin", teamId, configId, name, payload: text };
}

/** Whose a job is as far as its row says so; it may be anything. */
function ownerOf(payload: unknown): { config?: number; team?: number } {
  if (!isObject(payload)) return {};
  const { pluginConfigId: config, pluginConfigTeam: team } = payload;
  return {
    ...(typeof config === "number" ? { config } : {}),
    ...(typeof team === "number" ? { team } : {}),
  };
}
