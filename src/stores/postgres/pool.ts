/**
 * Pools of connections in which none stays that went silent. Behind a network that swallows packets
 * neither end is told that the other is gone: without these measures a connection counts as well
 * until TCP gives it up, which takes a quarter of an hour.
 */
// @ts-types="@types/pg"
import pg from "pg";

export interface PoolOptions {
  readonly connectionString: string;
  /** Connections at most. */
  readonly max: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** How long Postgres may take for a short answer before it counts as gone; 0 waits. */
  readonly timeoutMs?: number;
}

/** For every connection, pooled or not. */
export const CONNECTION_SETTINGS = {
  connectionTimeoutMillis: 5_000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
} as const;

const IDLE_MS = 30_000;
/** A connection that has nothing to do is asked so often whether somebody is still there. */
const ASK_MS = 10_000;

/** A pool whose connections may die at any time; to be ended by the caller. */
export function createPool(options: PoolOptions & Omit<pg.PoolConfig, keyof PoolOptions>): pg.Pool {
  const { applicationName, timeoutMs = 0, ...settings } = options;
  const pool = new pg.Pool({
    ...CONNECTION_SETTINGS,
    idleTimeoutMillis: IDLE_MS,
    application_name: applicationName,
    ...settings,
  });
  // An error while a statement is under way is that statement's.
  pool.on("connect", (client) => client.on("error", () => {}));
  if (timeoutMs > 0) askWhileIdle(pool, timeoutMs);
  return pool;
}

/** Asks a connection that only listens over and over; one that does not answer ends. */
export function askWhileListening(client: pg.Client, timeoutMs: number): () => void {
  const patienceMs = Math.min(timeoutMs, ASK_MS);
  const timer = setInterval(() => ask(client, patienceMs), patienceMs);
  const stop = () => clearInterval(timer);
  client.once("end", stop);
  return stop;
}

/**
 * For users of a pool that give back a connection whose statement was given up as if all were well:
 * it ends, instead of being handed out again.
 */
export function endUnanswered(pool: pg.Pool): void {
  const broken = new WeakSet<pg.PoolClient>();
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...values: unknown[]) => unknown;
    client.query = ((...values: unknown[]) => {
      const answer = query(...values);
      if (answer instanceof Promise) {
        answer.catch((error) => {
          if (endUnlessRefused(client, error)) broken.add(client);
        });
      }
      return answer;
    }) as typeof client.query;
  });
  // The pool may be sooner than its connection's last word, and keeps all but those that are ending.
  pool.on("release", (_error, client) => {
    if (broken.has(client)) client.end(() => {});
  });
}

function askWhileIdle(pool: pg.Pool, timeoutMs: number): void {
  const patienceMs = Math.min(timeoutMs, ASK_MS);
  const open = new Set<pg.PoolClient>();
  const idle = new Set<pg.PoolClient>();
  let timer: ReturnType<typeof setInterval> | undefined;
  pool.on("connect", (client) => {
    open.add(client);
    timer ??= setInterval(() => {
      for (const client of idle) ask(client, patienceMs);
    }, patienceMs);
  });
  pool.on("acquire", (client) => idle.delete(client));
  pool.on("release", (_error, client) => idle.add(client));
  pool.on("remove", (client) => {
    idle.delete(client);
    open.delete(client);
    if (open.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  });
}

function ask(client: pg.Client, patienceMs: number): void {
  const question = { text: "SELECT 1", query_timeout: patienceMs };
  client.query(question).catch((error) => endUnlessRefused(client, error));
}

/** A connection on which Postgres says no is well; whatever else went wrong, it is not. */
function endUnlessRefused({ connection }: pg.Client, error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return false;
  connection.stream.destroy();
  return true;
}
