/** Which servers run now: each says so again and again, and what a silent one held is free. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import type { Queryable } from "./database.ts";

export interface ServerPresenceOptions {
  /** Of this run of this server: a uuid. */
  readonly id: string;
  /** A server that was silent for so long is dead. */
  readonly ttlMs: number;
}

/** Servers that ended without a word are kept for a while, for those who clean up after them. */
const KEPT_HOURS = 24;

export class ServerPresence {
  readonly id: string;
  readonly #database: Queryable;
  readonly #options: ServerPresenceOptions;
  readonly #log = getLogger(["paddock", "servers"]);
  readonly #jobPools: string[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #beating: Promise<void> | null = null;

  constructor(database: Queryable, options: ServerPresenceOptions) {
    this.id = options.id;
    this.#database = database;
    this.#options = options;
  }

  /** Says that this server runs, from now until it is stopped. */
  async start(): Promise<void> {
    await this.#say();
    this.#timer = setInterval(() => {
      this.#beating ??= this.#say().catch((error) => {
        this.#log.warn`this server's sign of life was not written: ${errorMessage(error)}`;
      }).finally(() => this.#beating = null);
    }, this.#options.ttlMs / 4);
  }

  /** Nothing is held any more: others need not wait. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    await this.#database.query("DELETE FROM paddock.server WHERE id = $1", [this.id]);
  }

  /** Notes a name under which this server locks jobs. */
  async register(jobPool: string): Promise<void> {
    this.#jobPools.push(jobPool);
    await this.#say();
  }

  /** Servers that ended without a word, and the names under which they locked jobs. */
  async dead(): Promise<{ readonly id: string; readonly jobPools: readonly string[] }[]> {
    return await this.#database.query(
      `SELECT id, job_pools AS "jobPools" FROM paddock.server WHERE expires_at < now()`,
    );
  }

  /** Forgets servers whose locks were freed. */
  async forget(ids: readonly string[]): Promise<void> {
    await this.#database.query(
      "DELETE FROM paddock.server WHERE id = ANY ($1::uuid[]) AND expires_at < now()",
      [ids],
    );
  }

  /** Says nothing more, and leaves everything to expire. */
  async abandon(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
  }

  async #say(): Promise<void> {
    await this.#database.query(
      `WITH gone AS (
         DELETE FROM paddock.server WHERE expires_at < now() - $3 * interval '1 hour'
       )
       INSERT INTO paddock.server (id, expires_at, job_pools)
       VALUES ($1, now() + $2 * interval '1 millisecond', $4)
       ON CONFLICT (id) DO UPDATE
       SET expires_at = excluded.expires_at, job_pools = excluded.job_pools`,
      [this.id, this.#options.ttlMs, KEPT_HOURS, this.#jobPools],
    );
  }
}
