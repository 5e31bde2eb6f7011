/** What the operator granted, by table and by setting. */
import { errorMessage, PaddockError } from "../../errors.ts";
import type { Queryable } from "../../stores/postgres/database.ts";
import { checkGrant } from "./grant.ts";

/** Plugin name → entries. */
export type NamedGrants = ReadonlyMap<string, readonly string[]>;

/**
 * Reads `PLUGIN_NET_GRANTS`: `Plugin name=host:port,host2;Other=host3`.
 * @throws PaddockError PDK_CONFIG_INVALID naming the part at fault
 */
export function parseNamedGrants(text: string): NamedGrants {
  const grants = new Map<string, string[]>();
  for (const part of text.split(";").map((each) => each.trim()).filter(Boolean)) {
    const equals = part.indexOf("=");
    if (equals < 1) {
      throw new PaddockError("PDK_CONFIG_INVALID", `PLUGIN_NET_GRANTS: '${part}' is not name=host`);
    }
    const name = part.slice(0, equals).trim();
    const hosts = part.slice(equals + 1).split(",").map((host) => host.trim());
    if (name === "" || hosts.includes("")) {
      throw new PaddockError("PDK_CONFIG_INVALID", `PLUGIN_NET_GRANTS: '${part}' lacks a host`);
    }
    try {
      grants.set(name, [...grants.get(name) ?? [], ...hosts.map(checkGrant)]);
    } catch (error) {
      throw new PaddockError("PDK_CONFIG_INVALID", `PLUGIN_NET_GRANTS: ${errorMessage(error)}`);
    }
  }
  return grants;
}

/** The grants that commands wrote. */
export class PluginGrants {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** Plugin id → entries, in order. */
  async all(): Promise<ReadonlyMap<number, readonly string[]>> {
    const rows = await this.#database.query<{ plugin_id: number; hosts: string[] }>(
      `SELECT plugin_id, array_agg(host ORDER BY host) AS hosts
       FROM paddock.plugin_grant GROUP BY plugin_id`,
    );
    return new Map(rows.map((row) => [row.plugin_id, row.hosts]));
  }

  /** @param hosts entries, checked here */
  async grant(pluginId: number, hosts: readonly string[]): Promise<void> {
    await this.#database.query(
      `INSERT INTO paddock.plugin_grant (plugin_id, host)
       SELECT $1, host FROM unnest($2::text[]) AS host ON CONFLICT DO NOTHING`,
      [pluginId, hosts.map(checkGrant)],
    );
  }

  /** Returns how many of them had been granted. */
  async revoke(pluginId: number, hosts: readonly string[]): Promise<number> {
    const rows = await this.#database.query(
      "DELETE FROM paddock.plugin_grant WHERE plugin_id = $1 AND host = ANY ($2::text[]) RETURNING 1",
      [pluginId, hosts.map(spelling)],
    );
    return rows.length;
  }
}

/** As it was stored; what could not be granted today may have been granted before. */
function spelling(host: string): string {
  try {
    return checkGrant(host);
  } catch {
    return host;
  }
}
