/** Values of a plugin's form that become hosts it may reach, checked before they are stored. */
import { errorMessage } from "../../errors.ts";
import type { JsonObject } from "../../events/types.ts";
import type { Queryable } from "../../stores/postgres/database.ts";
import { placeholderOf, resolveGrant } from "../grants/grant.ts";
import { parseNamedGrants, PluginGrants } from "../grants/plugin_grants.ts";
import type { ConfigField } from "../source/manifest.ts";
import { requestedHosts } from "../source/requested_hosts.ts";
import { type FormProblem, HIDDEN } from "./config_form.ts";

export interface HostOrigins {
  readonly database: Queryable;
  readonly baseDir: string;
  /** `PLUGIN_NET_GRANTS`. */
  readonly namedGrants: string;
}

/**
 * What is wrong with values that stand in hosts which the plugin's manifest asks for, or which were
 * granted to it: the server would leave such a host out, and say so where nobody looks. A value that
 * is not there is the form's to miss.
 */
export async function hostProblems(
  { database, baseDir, namedGrants }: HostOrigins,
  plugin: { readonly id: number; readonly name: string | null },
  fields: readonly ConfigField[],
  config: JsonObject,
): Promise<FormProblem[]> {
  if (fields.length === 0) return [];
  const [requested, granted] = await Promise.all([
    // Code that cannot be loaded asks for nothing; that it cannot be is said where it is loaded.
    requestedHosts(database, baseDir, plugin.id).catch(() => []),
    new PluginGrants(database).all(),
  ]);
  const named = parseNamedGrants(namedGrants).get(plugin.name ?? "") ?? [];
  return checkHosts([...requested, ...granted.get(plugin.id) ?? [], ...named], fields, config);
}

/** The same for known entries; each problem once. */
export function checkHosts(
  entries: readonly string[],
  fields: readonly ConfigField[],
  config: JsonObject,
): FormProblem[] {
  return [...new Set(entries)].flatMap((entry): FormProblem[] => {
    const key = placeholderOf(entry);
    const value = key !== null && Object.hasOwn(config, key) ? config[key] : null;
    if (key === null || typeof value !== "string" || value.trim() === "") return [];
    try {
      resolveGrant(entry, config);
      return [];
    } catch (error) {
      const isSecret = fields.some((field) => field.key === key && field.secret);
      const reason = isSecret
        ? `the host '${entry}' is refused with the value '${HIDDEN}'`
        : errorMessage(error);
      return [{ key, kind: "invalid", message: `'${key}': ${reason}` }];
    }
  });
}
