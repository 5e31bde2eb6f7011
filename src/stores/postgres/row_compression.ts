/**
 * How Postgres compresses the long values of the rows that are written: events' properties above
 * all, most of which are long enough. Its default, pglz, is chosen for old data directories alone;
 * lz4 takes a fraction of the time for nearly the same size, and every Postgres that can write it
 * reads both, row by row.
 */

/** To be sent within a transaction, before its first row. */
export const COMPRESS_BY_LZ4 = "SET LOCAL default_toast_compression = 'lz4'";

/**
 * Answers `may`: whether rows may be compressed by lz4. No row before Postgres 14; false where it is
 * built without, and where its configuration, that of the database or of the role says already how
 * it is to compress.
 * Source: https://www.postgresql.org/docs/current/runtime-config-client.html, view pg_settings.
 */
export const MAY_COMPRESS_BY_LZ4 = `
SELECT source = 'default' AND 'lz4' = ANY (enumvals) AS may
FROM pg_settings WHERE name = 'default_toast_compression'`;
