/** The code of each plugin that was last set up, for servers that start after its next version came. */
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Queryable } from "../../stores/postgres/database.ts";
import type { LoadedSource } from "../source/plugin_source.ts";
import type { PluginCapabilities } from "../types.ts";

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** A version that is kept, without its code. */
export interface KeptVersion {
  readonly version: string;
  /** Null where it was kept before this was. */
  readonly exports: PluginCapabilities | null;
}

export class WorkingVersions {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** Which versions are kept of these plugins, by id. */
  async versions(pluginIds: readonly number[]): Promise<Map<number, KeptVersion>> {
    const rows = await this.#database.query<KeptVersion & { id: number }>(
      `SELECT plugin_id AS id, version, exports FROM paddock.plugin_working_version
       WHERE plugin_id = ANY ($1::int[])`,
      [pluginIds],
    );
    return new Map(rows.map(({ id, ...kept }) => [id, kept]));
  }

  /** The code that is kept, or null. */
  async read(pluginId: number): Promise<LoadedSource | null> {
    const [row] = await this.#database.query<{ code: Uint8Array }>(
      "SELECT code FROM paddock.plugin_working_version WHERE plugin_id = $1",
      [pluginId],
    );
    if (row === undefined) return null;
    const { code, ...rest } = JSON.parse((await decompress(row.code)).toString());
    return { ...rest, code: { ...code, files: new Map(code.files), maps: new Map(code.maps) } };
  }

  /** Keeps this one in place of the one before it, and nothing of plugins that are gone. */
  async keep(
    pluginId: number,
    { version, exports }: KeptVersion,
    { code, ...rest }: LoadedSource,
  ): Promise<void> {
    const [files, maps] = [[...code.files], [...code.maps ?? []]];
    const text = JSON.stringify({ ...rest, code: { ...code, files, maps } });
    await this.#database.query(
      `WITH gone AS (
         DELETE FROM paddock.plugin_working_version AS kept
         WHERE NOT EXISTS (SELECT FROM posthog_plugin WHERE id = kept.plugin_id)
       )
       INSERT INTO paddock.plugin_working_version (plugin_id, version, code, exports)
       SELECT $1::int, $2::text, $3::bytea, $4::jsonb
       WHERE EXISTS (SELECT FROM posthog_plugin WHERE id = $1)
       ON CONFLICT (plugin_id) DO UPDATE
       SET version = excluded.version, code = excluded.code, exports = excluded.exports,
         kept_at = now()`,
      [pluginId, version, await compress(Buffer.from(text)), JSON.stringify(exports)],
    );
  }
}
