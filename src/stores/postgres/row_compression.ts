/**
 * How Postgres compresses the long values of the rows that are written: events' properties above
 * all, most of which are long enough. Its default, pglz, is chosen for old data directories alone;
 * lz4 takes a fraction of the time for nearly the same size, and every Postgres that can write it
 * reads both, row by row.
 */
import type { Queryable } from "./database.ts";

/** To be sent within a transaction, before its first row. */
export const COMPRESS_BY_LZ4 = "SET LOCAL default_toast_compression = 'lz4'";

/**
 * Whether rows may be compressed by lz4: Postgres 14 and later, built with it, and nobody has said
 * in its configuration, for the database or for the role how it is to compress.
 * Source: https://www.postgresql.org/docs/current/runtime-config-client.html, view pg_settings.
 */
export async function mayCompressByLz4(connection: Queryable): Promise<boolean> {
  const [row] = await connection.query<{ may: boolean }>(
    `SELECT source = 'default' AND 'lz4' = ANY (enumvals) AS may
     FROM pg_settings WHERE name = 'default_toast_compression'`,
  );
  return row?.may ?? false;
}
