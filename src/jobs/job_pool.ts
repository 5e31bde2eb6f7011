// @ts-types="@types/pg"
import type pg from "pg";
import { createPool, endUnanswered } from "../stores/postgres/pool.ts";
import { VERSION } from "../version.ts";

/** A pool for graphile-worker, to be ended by the caller. */
export type JobPool = pg.Pool;

/**
 * A pool of our own: the one that graphile-worker makes by itself loses its error handlers before its
 * connections are closed, so that a database that goes away in between would end the server.
 * @param timeoutMs a statement without an answer for so long has failed; 0 waits
 */
export function createJobPool(connectionString: string, max: number, timeoutMs = 0): JobPool {
  const pool = createPool({
    connectionString,
    max,
    applicationName: `paddock jobs ${VERSION}`,
    timeoutMs,
    ...timeoutMs > 0 ? { query_timeout: timeoutMs } : {},
  });
  pool.on("error", () => {});
  // Graphile-worker releases its connections without a word about how its statement went.
  endUnanswered(pool);
  return pool;
}
