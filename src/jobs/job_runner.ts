/** Runs the jobs of the queue, on graphile-worker: at least once each, many at a time. */
import { EventEmitter } from "node:events";
import {
  type JobHelpers,
  run,
  type Runner,
  type TaskList,
  type WorkerEvents,
} from "graphile-worker";
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import { Backoff } from "../pipeline/backoff.ts";
import { textArray } from "../stores/postgres/binary_arrays.ts";
import { askWhileListening } from "../stores/postgres/pool.ts";
import type { Queryable } from "../stores/postgres/database.ts";
import { type Mask, NO_MASK } from "../telemetry/secret_values.ts";
import { createJobPool, type JobPool } from "./job_pool.ts";
import type { JobVerdict } from "./job_verdict.ts";
import { graphileLogger, JOB_SCHEMA } from "./schema.ts";
import settleFailed from "./settle_failed.sql" with { type: "text" };

export interface JobRunnerOptions {
  /**
   * Whether many jobs are taken at a time, which suits small ones. Batches of events are large, so
   * they are taken one by one.
   */
  readonly takesMany: boolean;
  readonly connectionString: string;
  /** Jobs that run at a time. */
  readonly concurrency: number;
  /** Not behind a pooling proxy. */
  readonly preparedStatements: boolean;
  readonly pollMs: number;
  /** A statement without an answer for so long is given up; 0, the default, waits. */
  readonly timeoutMs?: number;
  /** Hides what no reason of a failure may show. */
  readonly mask?: Mask;
}

/** Where it is kept which workers a server runs, so that others can free what they held. */
export interface WorkerPools {
  register(pool: string): Promise<void>;
}

/** Runs a job, given its row's payload and which try it is, counted from one. Never rejects. */
export type JobTask = (payload: unknown, attempt: number) => Promise<JobVerdict>;

/** Task → what runs its jobs. */
export type JobTasks = Readonly<Record<string, JobTask>>;

interface FailedJob {
  readonly id: string;
  readonly pool: string;
  readonly verdict: Exclude<JobVerdict, { readonly isDone: true }>;
}

const POOL_SIZE = 4;
/** Small jobs that are taken from the table together, beyond those that run. */
const TAKEN_AHEAD = 100;
/** The queue is looked into every few seconds at least; one that is silent for so long hangs. */
const SILENT_MS = 30_000;

export class JobRunner {
  readonly #database: Queryable;
  readonly #tasks: JobTasks;
  readonly #pools: WorkerPools;
  readonly #options: JobRunnerOptions;
  readonly #stop = new AbortController();
  readonly #log = getLogger(["paddock", "jobs"]);
  readonly #ownPools: string[] = [];
  #failed: FailedJob[] = [];
  #settling: Promise<void> | null = null;
  #running: Promise<void> | null = null;
  #unavailable: string | null = "not started";
  #lastLook = performance.now();

  /** @param database that of the queue */
  constructor(
    database: Queryable,
    tasks: JobTasks,
    pools: WorkerPools,
    options: JobRunnerOptions,
  ) {
    this.#database = database;
    this.#tasks = tasks;
    this.#pools = pools;
    this.#options = options;
  }

  /** Why no jobs are run now, or null. */
  get unavailable(): string | null {
    if (this.#unavailable !== null) return this.#unavailable;
    const silence = performance.now() - this.#lastLook;
    return silence > SILENT_MS ? `has not looked for ${Math.round(silence / 1000)} s` : null;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Takes no more jobs and waits for those that run, until `hurry` fires; what is left is freed for
   * other servers.
   */
  async stop(patienceMs: number, hurry?: AbortSignal): Promise<void> {
    this.#stop.abort();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, hurry?.aborted ? 0 : patienceMs);
    hurry?.addEventListener("abort", () => resolve(), { once: true });
    await Promise.race([this.#running, promise]);
    clearTimeout(timer);
    try {
      await this.#settling;
      await this.#database.query(
        "SELECT FROM paddock_jobs.force_unlock_workers($1::text[])",
        [this.#ownPools],
      );
    } catch (error) {
      this.#log.warn`jobs stay locked until others free them: ${errorMessage(error)}`;
    }
  }

  /** Ends without freeing what is locked. */
  async abandon(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** A pool of workers, and another whenever one came to an end. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(250, 10_000);
    while (!signal.aborted) {
      // Workers, and the connection that listens for new jobs.
      const pool = createJobPool(
        this.#options.connectionString,
        POOL_SIZE,
        this.#options.timeoutMs,
      );
      try {
        const runner = await this.#startRunner(pool);
        this.#unavailable = null;
        this.#lastLook = performance.now();
        backoff.succeeded();
        const stop = () => {
          runner.stop().catch(() => {});
        };
        if (signal.aborted) stop();
        signal.addEventListener("abort", stop, { once: true });
        await runner.promise;
        if (!signal.aborted) throw new Error("its workers stopped");
      } catch (error) {
        if (signal.aborted) return;
        this.#unavailable = errorMessage(error);
        if (backoff.failures === 0) this.#log.warn`no jobs are run: ${this.#unavailable}`;
        await backoff.failed(signal);
      } finally {
        await pool.end();
      }
    }
  }

  async #startRunner(pgPool: JobPool): Promise<Runner> {
    const { takesMany, concurrency, preparedStatements, pollMs } = this.#options;
    const events = new EventEmitter() as WorkerEvents;
    events.setMaxListeners(100);
    const looked = () => this.#lastLook = performance.now();
    events.on(takesMany ? "localQueue:getJobs:complete" : "worker:getJob:start", looked);
    const { timeoutMs = 0 } = this.#options;
    if (timeoutMs > 0) askListeners(events, timeoutMs);
    events.on("pool:create", ({ workerPool }) => {
      this.#ownPools.push(workerPool.id);
      this.#pools.register(workerPool.id).catch((error) =>
        this.#log.warn`workers were not registered: ${errorMessage(error)}`
      );
    });
    return await run({
      pgPool,
      schema: JOB_SCHEMA,
      noHandleSignals: true,
      noPreparedStatements: !preparedStatements,
      pollInterval: pollMs,
      logger: graphileLogger(),
      events,
      taskList: this.#taskList(),
      preset: {
        worker: {
          concurrentJobs: concurrency,
          ...(takesMany ? { localQueue: { size: concurrency + TAKEN_AHEAD } } : {}),
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    });
  }

  #taskList(): TaskList {
    return Object.fromEntries(
      Object.entries(this.#tasks).map(([name, run]) => [
        name,
        (payload, helpers) => this.#work(helpers, () => run(payload, helpers.job.attempts)),
      ]),
    );
  }

  /** A job that failed is put back by us, with our waits, before graphile hears of the failure. */
  async #work({ job }: JobHelpers, run: () => Promise<JobVerdict>): Promise<void> {
    const outcome = await run();
    if (outcome.isDone) return;
    const { mask = NO_MASK } = this.#options;
    const verdict = { ...outcome, reason: mask(outcome.reason) };
    await this.#settle({ id: job.id, pool: job.locked_by ?? "", verdict });
    throw new Error(verdict.reason);
  }

  /** Those of one turn in one statement. */
  #settle(failed: FailedJob): Promise<void> {
    this.#failed.push(failed);
    return this.#settling ??= (async () => {
      await new Promise((resolve) => setTimeout(resolve, 0));
      const gathered = this.#failed;
      this.#failed = [];
      this.#settling = null;
      await this.#database.query(settleFailed, [
        gathered.map(({ id }) => id),
        gathered.map(({ pool }) => pool),
        textArray(gathered.map(({ verdict }) => verdict.reason.replaceAll("\0", ""))),
        gathered.map(({ verdict }) => verdict.waitSeconds),
        gathered.map(({ verdict }) => verdict.isCounted),
        gathered.map(({ verdict }) => verdict.isDead),
      ]);
    })();
  }
}

/** The connection that listens for new jobs is never given back, so that its pool does not ask it. */
function askListeners(events: WorkerEvents, timeoutMs: number): void {
  const stops = new Map<unknown, () => void>();
  events.on("pool:listen:success", ({ client }) => {
    stops.set(client, askWhileListening(client, timeoutMs));
  });
  events.on("pool:listen:release", ({ client }) => {
    stops.get(client)?.();
    stops.delete(client);
  });
}
