// @ts-types="@types/pg"
import pg from "pg";
import { getLogger } from "@logtape/logtape";
import { errorMessage, PaddockError } from "../../errors.ts";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import { askWhileListening, CONNECTION_SETTINGS, createPool, type PoolOptions } from "./pool.ts";
import { QueryTags } from "./query_tag.ts";
import { COMPRESS_BY_LZ4, MAY_COMPRESS_BY_LZ4 } from "./row_compression.ts";

/** A statement: its text and, for hot ones, a name under which Postgres keeps the plan. */
export interface Statement {
  readonly text: string;
  readonly name?: string;
}

/** Something statements can be sent to: the pool, or one transaction. */
export interface Queryable {
  /**
   * @param statement SQL text with `$1` placeholders; never built from values
   * @throws PaddockError PDK_DATABASE_UNAVAILABLE when the connection failed; pg's DatabaseError
   *   (with its SQLSTATE in `code`) when the server refused the statement
   */
  query<Row>(statement: string | Statement, values?: readonly unknown[]): Promise<Row[]>;
}

export interface DatabaseOptions extends PoolOptions {
  /** Told of every statement. */
  readonly observer?: Observer;
  /**
   * A statement without an answer for so long has failed, and its connection is given up: behind a
   * network that swallows packets it would wait for ever. 0, the default, waits.
   */
  readonly timeoutMs?: number;
}

/** Connections now. */
export interface PoolUse {
  readonly open: number;
  readonly idle: number;
  /** Queries that wait for one. */
  readonly waiting: number;
}

/**
 * What a transaction waits for a lock, and how long Postgres keeps one whose server says nothing: a
 * server that was stopped, or is behind a cut network, must not hold its rows for ever. Sent as
 * statements, since poolers refuse such settings when a connection is opened.
 */
const BEGIN: Readonly<Record<Patience, string>> = {
  prompt: `BEGIN;
SET LOCAL lock_timeout = '2s';
SET LOCAL idle_in_transaction_session_timeout = '15s'`,
  hasty: `BEGIN;
SET LOCAL lock_timeout = '200ms';
SET LOCAL idle_in_transaction_session_timeout = '15s'`,
  patient: "BEGIN",
};

/** How long a transaction waits for rows that others hold: a moment, less than that, or as it takes. */
export type Patience = "prompt" | "hasty" | "patient";

/** SQLSTATE classes and codes after which the same work can succeed when done again. */
const TRANSIENT_STATES =
  /^(08|53|58|57P0[1-4]|57014|40001|40P01|55P03|55006|25006|25P03|25P04|57P05)/;

/** It ended the connection, whatever the code: no row is to blame for that. */
function isFatal({ severity }: pg.DatabaseError): boolean {
  return severity === "FATAL" || severity === "PANIC";
}

/** Whether doing the same again later can succeed. */
export function isTransient(error: unknown): boolean {
  if (error instanceof PaddockError) return error.retryable;
  return error instanceof pg.DatabaseError &&
    (isFatal(error) || TRANSIENT_STATES.test(error.code ?? ""));
}

/** SQLSTATE lock_not_available. */
const LOCKED = "55P03";

/** Whether a transaction gave up on rows that others hold. */
export function isLocked(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === LOCKED;
}

/** Postgres through a pool. Values come back as pg's text mode gives them; timestamps as Date. */
export class Database implements Queryable {
  readonly #pool: pg.Pool;
  readonly #options: DatabaseOptions;
  readonly #observer: Observer;
  readonly #tags = new QueryTags();
  /** Null until a transaction asked. */
  #compressesByLz4: boolean | null = null;
  readonly #log = getLogger(["paddock", "postgres"]);

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#observer = options.observer ?? NOBODY;
    const { observer: _, ...settings } = options;
    this.#pool = createPool(settings);
    // A connection that dies while idle must not end the process; the next query opens a new one.
    this.#pool.on("error", (error) => this.#log.warn`connection lost: ${error.message}`);
  }

  get poolUse(): PoolUse {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { open: totalCount, idle: idleCount, waiting: waitingCount };
  }

  async query<Row>(statement: string | Statement, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return await this.#run<Row>(this.#pool, statement, values, this.#options.timeoutMs);
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  /**
   * Runs `work` in one transaction on one connection: COMMIT when it resolves, ROLLBACK when it
   * throws. It is not retried here; the caller knows whether the work may be done again.
   */
  async transaction<T>(
    work: (tx: Queryable) => Promise<T>,
    patience: Patience = "prompt",
  ): Promise<T> {
    const timeoutMs = patience === "patient" ? 0 : this.#options.timeoutMs;
    const began = performance.now();
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw asUnavailable(error);
    }
    let broken: Error | undefined;
    try {
      const connection: Queryable = {
        query: (statement, values = []) => this.#run(client, statement, values, timeoutMs),
      };
      if (this.#compressesByLz4 === null) {
        const [row] = await connection.query<{ may: boolean }>(MAY_COMPRESS_BY_LZ4);
        this.#compressesByLz4 = row?.may ?? false;
      }
      const begin = this.#compressesByLz4
        ? `${BEGIN[patience]};\n${COMPRESS_BY_LZ4}`
        : BEGIN[patience];
      await this.#run(client, begin, undefined, timeoutMs);
      const result = await work(connection);
      await this.#run(client, "COMMIT", undefined, timeoutMs);
      return result;
    } catch (error) {
      const failure = asUnavailable(error);
      if (isUnavailable(failure)) {
        // Asked to roll back it would not answer either; without a connection Postgres does it.
        broken = failure;
      } else {
        try {
          await this.#run(client, "ROLLBACK", undefined, timeoutMs);
        } catch (rollbackError) {
          broken = new Error(errorMessage(rollbackError));
        }
      }
      throw failure;
    } finally {
      client.release(broken);
      this.#observer.transacted(performance.now() - began);
    }
  }

  /**
   * One connection of its own outside the pool, for LISTEN or a session lock. The caller ends it
   * and watches its `end` event.
   */
  async connectAlone(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#options.connectionString,
      application_name: this.#options.applicationName,
      ...CONNECTION_SETTINGS,
    });
    client.on("error", () => {});
    try {
      await client.connect();
    } catch (error) {
      throw asUnavailable(error);
    }
    const { timeoutMs = 0 } = this.#options;
    if (timeoutMs > 0) askWhileListening(client, timeoutMs);
    return client;
  }

  /** Waits for the queries under way and closes every connection. */
  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #run<Row>(
    target: pg.Pool | pg.PoolClient,
    statement: string | Statement,
    values: readonly unknown[] | undefined,
    timeoutMs?: number,
  ): Promise<Row[]> {
    const began = performance.now();
    let failed = true;
    try {
      const rows = await run<Row>(target, statement, values, timeoutMs);
      failed = false;
      return rows;
    } finally {
      const tag = this.#tags.of(typeof statement === "string" ? statement : statement.text);
      this.#observer.queried("postgres", tag, performance.now() - began, failed);
    }
  }
}

/** @param values undefined for several statements in one text, which take none */
async function run<Row>(
  target: pg.Pool | pg.PoolClient,
  statement: string | Statement,
  values: readonly unknown[] | undefined,
  timeoutMs = 0,
): Promise<Row[]> {
  const config = typeof statement === "string" ? { text: statement } : statement;
  const query = {
    ...config,
    ...values === undefined ? {} : { values: values as unknown[] },
    ...timeoutMs > 0 ? { query_timeout: timeoutMs } : {},
  };
  const result = await target.query(query);
  return result.rows as Row[];
}

function isUnavailable(error: unknown): error is PaddockError {
  return error instanceof PaddockError && error.code === "PDK_DATABASE_UNAVAILABLE";
}

/** Errors that are not Postgres's own answer come from the connection. */
function asUnavailable(error: unknown): unknown {
  if (error instanceof PaddockError) return error;
  if (error instanceof pg.DatabaseError) {
    return isFatal(error) || /^(08|57P0[1-3]|53300)/.test(error.code ?? "")
      ? new PaddockError("PDK_DATABASE_UNAVAILABLE", `Postgres: ${error.message}`, { cause: error })
      : error;
  }
  const code = (error as { code?: string } | null)?.code;
  const isConnection = code !== undefined && /^E[A-Z]+$/.test(code) ||
    /connection|timeout|terminated|socket|ended/i.test(errorMessage(error));
  return isConnection
    ? new PaddockError("PDK_DATABASE_UNAVAILABLE", `Postgres: ${errorMessage(error) || code}`, {
      cause: error,
    })
    : error;
}
