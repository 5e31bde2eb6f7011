// @ts-types="@types/pg"
import pg from "pg";
import { VERSION } from "../version.ts";

/** A pool for graphile-worker, to be ended by the caller. */
export type JobPool = pg.Pool;

/**
 * A pool of our own: the one that graphile-worker makes by itself loses its error handlers before its
 * connections are closed, so that a database that goes away in between would end the server.
 * @param timeoutMs a statement without an answer for so long has failed; 0 waits
 */
export function createJobPool(connectionString: string, max: number, timeoutMs = 0): JobPool {
  const pool = new pg.Pool({
    connectionString,
    max,
    application_name: `paddock jobs ${VERSION}`,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...timeoutMs > 0 ? { query_timeout: timeoutMs } : {},
  });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}
