/** What has to be done for the queue now and then, by any server. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { Queryable } from "../stores/postgres/database.ts";
import type { JobQueue } from "./job_queue.ts";

/** Who knows which servers ended without a word. */
export interface DeadServers {
  dead(): Promise<{ readonly id: string; readonly jobPools: readonly string[] }[]>;
  forget(ids: readonly string[]): Promise<void>;
}

export interface JobUpkeepOptions {
  readonly everyMs: number;
  /** Dead jobs are kept so long. */
  readonly deadRetentionDays: number;
}

/** How often dead jobs are looked through for old ones. */
const FORGET_MS = 600_000;

/**
 * Frees what killed servers had locked, which graphile-worker would do after four hours, and forgets
 * old dead jobs.
 */
export class JobUpkeep {
  readonly #database: Queryable;
  readonly #queue: JobQueue;
  readonly #servers: DeadServers;
  readonly #options: JobUpkeepOptions;
  readonly #log = getLogger(["paddock", "jobs"]);
  #timer: ReturnType<typeof setInterval> | undefined;
  #nextForget = 0;
  #working: Promise<void> | null = null;

  /** @param database that of the queue */
  constructor(
    database: Queryable,
    queue: JobQueue,
    servers: DeadServers,
    options: JobUpkeepOptions,
  ) {
    this.#database = database;
    this.#queue = queue;
    this.#servers = servers;
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#working ??= this.#work().catch((error) => {
        this.#log.debug`the job queue was not looked after: ${errorMessage(error)}`;
      }).finally(() => this.#working = null);
    }, this.#options.everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
  }

  async #work(): Promise<void> {
    const dead = await this.#servers.dead();
    const pools = dead.flatMap(({ jobPools }) => jobPools);
    if (pools.length > 0) {
      await this.#database.query("SELECT FROM paddock_jobs.force_unlock_workers($1::text[])", [
        pools,
      ]);
      this.#log.info`freed the jobs of ${dead.length} servers that stopped without a word`;
    }
    if (dead.length > 0) await this.#servers.forget(dead.map(({ id }) => id));
    const now = performance.now();
    if (now < this.#nextForget) return;
    this.#nextForget = now + FORGET_MS;
    const forgotten = await this.#queue.forgetDead(this.#options.deadRetentionDays);
    if (forgotten > 0) this.#log.warn`${forgotten} dead jobs were dropped: too old`;
  }
}
