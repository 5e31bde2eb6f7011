/** `plugin.json`: what a plugin says of itself. */
import { errorMessage, PaddockError } from "../../errors.ts";
import { isObject } from "../../events/person_properties.ts";
import type { JsonObject } from "../../events/types.ts";
import { checkRequest, placeholderOf, resolveGrant } from "../grants/grant.ts";

/** One field of the form a person fills in to configure the plugin. */
export interface ConfigField {
  readonly key: string;
  readonly name: string | null;
  readonly type: string;
  readonly default: unknown;
  readonly required: boolean;
  readonly secret: boolean;
  readonly choices: readonly string[] | null;
}

export interface PluginManifest {
  readonly name: string | null;
  readonly description: string | null;
  readonly url: string | null;
  /** Path of the entry; null means `index.js` or `index.ts`. */
  readonly main: string | null;
  readonly fields: readonly ConfigField[];
  /** The form as it stands in the file, for `posthog_plugin.config_schema`. */
  readonly configSchema: unknown;
  /** The versions of PostHog that it says it works with, as a range; or null. */
  readonly posthogVersion: string | null;
  /** Jobs that a person may start, by name, with what their payload looks like; or null. */
  readonly publicJobs: JsonObject | null;
  /** Hosts that it asks for; asking grants nothing. */
  readonly net: readonly string[];
  /** Processes that it can live with at most, as one that counts in memory needs one; or null. */
  readonly workers: number | null;
}

/**
 * Reads and checks the text of a `plugin.json`.
 * @param digest names the plugin in messages
 * @throws PaddockError PDK_PLUGIN_MANIFEST
 */
export function parseManifest(text: string, digest: string): PluginManifest {
  const refuse = (reason: string) =>
    new PaddockError("PDK_PLUGIN_MANIFEST", `Can not load plugin.json for ${digest}: ${reason}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse(errorMessage(error));
  }
  if (!isObject(json)) throw refuse("it is not an object");
  const { main } = json;
  if (main !== undefined && typeof main !== "string") throw refuse("'main' is not a text");
  const fields = configFields(json.config);
  return {
    name: textOrNull(json.name),
    description: textOrNull(json.description),
    url: textOrNull(json.url),
    main: main ? main.replace(/^\.\//, "") : null,
    fields,
    configSchema: json.config ?? [],
    posthogVersion: textOrNull(json.posthogVersion)?.trim() || null,
    publicJobs: publicJobsOf(json.publicJobs, refuse),
    net: netOf(json.permissions, fields, refuse),
    workers: workersOf(json.workers, refuse),
  };
}

/**
 * The fields of a `config` entry, or of `posthog_plugin.config_schema`, which holds the same: a list
 * of them, or an object of them by key, which is the older form.
 */
export function configFields(config: unknown): ConfigField[] {
  const entries: [unknown, unknown][] = Array.isArray(config)
    ? config.map((field) => [isObject(field) ? field.key : undefined, field])
    : isObject(config)
    ? Object.entries(config)
    : [];
  return entries.flatMap(([key, field]) =>
    // Entries that are nothing but a piece of text between the fields have no key.
    typeof key === "string" && isObject(field) ? [fieldOf(key, field)] : []
  );
}

function fieldOf(key: string, field: JsonObject): ConfigField {
  return {
    key,
    name: textOrNull(field.name),
    type: textOrNull(field.type) ?? "string",
    default: field.default,
    required: field.required === true,
    secret: field.secret === true,
    choices: Array.isArray(field.choices) ? field.choices.map(String) : null,
  };
}

function publicJobsOf(
  jobs: unknown,
  refuse: (reason: string) => PaddockError,
): JsonObject | null {
  if (jobs === undefined || jobs === null) return null;
  if (!isObject(jobs)) throw refuse("'publicJobs' is not an object");
  return jobs;
}

function workersOf(workers: unknown, refuse: (reason: string) => PaddockError): number | null {
  if (workers === undefined) return null;
  if (!Number.isInteger(workers) || Number(workers) < 1) {
    throw refuse("'workers' is not a whole number from 1");
  }
  return Number(workers);
}

/** What may be asked for: less than an operator may grant, as it is a stranger who asks. */
function netOf(
  permissions: unknown,
  fields: readonly ConfigField[],
  refuse: (reason: string) => PaddockError,
): string[] {
  if (permissions === undefined) return [];
  if (!isObject(permissions)) throw refuse("'permissions' is not an object");
  const { net } = permissions;
  if (net === undefined) return [];
  if (!Array.isArray(net)) throw refuse("'permissions.net' is not a list");
  return net.map((entry) => {
    if (typeof entry !== "string") throw refuse("an entry of 'permissions.net' is not a text");
    try {
      const checked = checkRequest(entry);
      const key = placeholderOf(checked);
      const field = fields.find((each) => each.key === key);
      // What the form is filled with unless somebody writes another host into it.
      if (key !== null && field?.default) resolveGrant(checked, { [key]: field.default });
      if (key === null || field !== undefined) return checked;
    } catch (error) {
      throw refuse(`'permissions.net': ${errorMessage(error)}`);
    }
    throw refuse(`'permissions.net': '${entry}' names a config key that is not among its 'config'`);
  });
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
