/** The rows that commands make, change and remove: plugins and their configs. */
import { didYouMean } from "../../closest_word.ts";
import { PaddockError } from "../../errors.ts";
import { storableJsonText, storableText } from "../../events/storable_text.ts";
import type { JsonObject } from "../../events/types.ts";
import type { Database, Queryable } from "../../stores/postgres/database.ts";
import type { PluginManifest } from "../source/manifest.ts";
import type { PluginAttachment } from "../types.ts";

/** A row of `posthog_plugin`, without its code. */
export interface InstalledPlugin {
  readonly id: number;
  readonly name: string | null;
  readonly description: string | null;
  readonly organizationId: string;
  readonly isGlobal: boolean;
  readonly pluginType: string | null;
  readonly url: string | null;
  /** The version or commit of one that was downloaded. */
  readonly tag: string | null;
  readonly configSchema: unknown;
  readonly capabilities: unknown;
}

/** A row of `posthog_pluginconfig`, enabled or not. */
export interface InstalledConfig {
  readonly id: number;
  readonly pluginId: number;
  readonly teamId: number | null;
  readonly enabled: boolean;
  readonly order: number;
  readonly config: JsonObject;
  /** Keys of the files that were uploaded into it. */
  readonly attachments: readonly string[];
  readonly error: JsonObject | null;
}

/** Where a plugin's code is: below BASE_DIR, or in the row itself. */
export type PluginPlace =
  | { readonly type: "local"; readonly url: string }
  | { readonly type: "custom"; readonly archive: Uint8Array }
  | {
    readonly type: "repository";
    readonly archive: Uint8Array;
    /** Where its newest version is downloaded from. */
    readonly url: string;
    readonly tag: string | null;
  };

/** What a config is to become. */
export interface ConfigChange {
  readonly pluginId: number;
  readonly teamId: number;
  /** Kept where it is undefined; at the end of the team's chain for a new config. */
  readonly order: number | undefined;
  readonly config: JsonObject;
  /** Files by key; each replaces the one that was there. */
  readonly attachments: Readonly<Record<string, PluginAttachment>>;
}

const PLUGIN_COLUMNS = `id, name, description, organization_id AS "organizationId",
  is_global AS "isGlobal", plugin_type AS "pluginType", url, tag,
  config_schema AS "configSchema", capabilities`;

const INSERT_PLUGIN = `
INSERT INTO posthog_plugin (
  organization_id, plugin_type, is_global, is_preinstalled, name, description, url, config_schema,
  archive, tag, public_jobs, capabilities, from_json, from_web, created_at, updated_at
) VALUES ($1, $2, false, false, $3, $4, $5, $6, $7, $8, $9, '{}', false, false, now(), now())
RETURNING id`;

const UPDATE_PLUGIN = `
UPDATE posthog_plugin
SET plugin_type = $2, description = $3, url = $4, config_schema = $5, archive = $6, tag = $7,
  public_jobs = $8, source = NULL, latest_tag = NULL, error = NULL, updated_at = now()
WHERE id = $1`;

const SELECT_CONFIGS = `
SELECT config.id, config.plugin_id AS "pluginId", config.team_id AS "teamId", config.enabled,
  config."order", config.config, config.error,
  ARRAY(
    SELECT key FROM posthog_pluginattachment WHERE plugin_config_id = config.id ORDER BY key
  ) AS attachments
FROM posthog_pluginconfig AS config ORDER BY config.team_id, config."order", config.id`;

/** What a plugin's rows point at it with, in the order in which they can go. */
const UNINSTALL = [
  "DELETE FROM posthog_pluginlogentry WHERE plugin_id = $1",
  `DELETE FROM posthog_pluginstorage WHERE plugin_config_id IN (
     SELECT id FROM posthog_pluginconfig WHERE plugin_id = $1)`,
  `DELETE FROM posthog_pluginattachment WHERE plugin_config_id IN (
     SELECT id FROM posthog_pluginconfig WHERE plugin_id = $1)`,
  "DELETE FROM posthog_pluginconfig WHERE plugin_id = $1",
  "DELETE FROM paddock.plugin_grant WHERE plugin_id = $1",
  "DELETE FROM paddock.plugin_working_version WHERE plugin_id = $1",
  "DELETE FROM posthog_plugin WHERE id = $1",
];

/** Widths of the table's columns. */
const MAX_NAME = 200;
const MAX_URL = 800;
const MAX_TAG = 200;

export class InstalledPlugins {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async all(): Promise<InstalledPlugin[]> {
    return await this.#database.query(`SELECT ${PLUGIN_COLUMNS} FROM posthog_plugin ORDER BY id`);
  }

  /** Those of all teams, each team's in its order. */
  async configs(): Promise<InstalledConfig[]> {
    return await this.#database.query(SELECT_CONFIGS);
  }

  /**
   * The plugin of this id, or of this name: `my-plugin` is `My plugin` as well.
   * @throws PaddockError PDK_USAGE where there is none or more than one
   */
  async find(nameOrId: string): Promise<InstalledPlugin> {
    const plugins = await this.all();
    const exact = plugins.filter(({ name }) => name === nameOrId);
    const named = exact.length > 0
      ? exact
      : plugins.filter(({ name }) => name !== null && typed(name) === typed(nameOrId));
    const found = named.length > 0 ? named : plugins.filter(({ id }) => String(id) === nameOrId);
    const [plugin] = found;
    if (plugin !== undefined && found.length === 1) return plugin;
    const shown = (list: readonly InstalledPlugin[]) =>
      list.map(({ id, name }) => `'${name ?? ""}' (${id})`).join(", ");
    throw new PaddockError(
      "PDK_USAGE",
      found.length > 1
        ? `'${nameOrId}' are several plugins, so name one by its id: ${shown(found)}`
        : `there is no plugin '${nameOrId}'${
          didYouMean(nameOrId, plugins.flatMap(({ name }) => name === null ? [] : [name]))
        }; ${plugins.length === 0 ? "none is installed" : `installed are ${shown(plugins)}`}`,
    );
  }

  /**
   * Installs a plugin for an organization. One of the same name there gets the new code, and keeps
   * its configs, its grants and what it stored.
   * @throws PaddockError PDK_PLUGIN_MANIFEST for a plugin without a name
   */
  async install(
    organizationId: string,
    manifest: PluginManifest,
    place: PluginPlace,
  ): Promise<{ readonly id: number; readonly replaced: boolean }> {
    const name = checkedName(manifest);
    const columns = codeColumns(manifest, place);
    return await this.#database.transaction(async (tx) => {
      // Two installs at once would make two plugins of one.
      await tx.query("LOCK TABLE posthog_plugin IN SHARE ROW EXCLUSIVE MODE");
      const [known] = await tx.query<{ id: number }>(
        "SELECT id FROM posthog_plugin WHERE organization_id = $1 AND name = $2 ORDER BY id",
        [organizationId, name],
      );
      if (known !== undefined) {
        await tx.query(UPDATE_PLUGIN, [known.id, place.type, ...columns]);
        return { id: known.id, replaced: true };
      }
      const [made] = await tx.query<{ id: number }>(INSERT_PLUGIN, [
        organizationId,
        place.type,
        name,
        ...columns,
      ]);
      return { id: (made as { id: number }).id, replaced: false };
    });
  }

  /**
   * Gives a plugin the code of its newer version; all else of it is kept.
   * @throws PaddockError PDK_PLUGIN_MANIFEST where that one has another name
   */
  async upgrade(
    plugin: InstalledPlugin,
    manifest: PluginManifest,
    place: PluginPlace,
  ): Promise<void> {
    const name = checkedName(manifest);
    if (name !== plugin.name) {
      throw new PaddockError(
        "PDK_PLUGIN_MANIFEST",
        `the newer version of '${plugin.name}' is called '${name}': install it as a plugin of its own`,
      );
    }
    const columns = codeColumns(manifest, place);
    await this.#database.query(UPDATE_PLUGIN, [plugin.id, place.type, ...columns]);
  }

  /** The archive of a plugin that is not read from a folder. */
  async archive(id: number): Promise<Uint8Array | null> {
    const [row] = await this.#database.query<{ archive: Uint8Array | null }>(
      "SELECT archive FROM posthog_plugin WHERE id = $1",
      [id],
    );
    return row?.archive ?? null;
  }

  /** Removes a plugin with everything that is its own: configs, files, storage, log, grants. */
  async uninstall(id: number): Promise<void> {
    await this.#database.transaction(async (tx) => {
      for (const statement of UNINSTALL) await tx.query(statement, [id]);
    });
  }

  /** Enables a plugin for a team: its config is made, or gets these values. Returns its id. */
  async enable(change: ConfigChange): Promise<number> {
    const { pluginId, teamId, order } = change;
    const config = storableJsonText(change.config);
    return await this.#database.transaction(async (tx) => {
      await tx.query("LOCK TABLE posthog_pluginconfig IN SHARE ROW EXCLUSIVE MODE");
      const rows = await tx.query<{ id: number }>(
        `UPDATE posthog_pluginconfig
         SET enabled = true, config = $3, "order" = coalesce($4, "order"), error = NULL,
           updated_at = now()
         WHERE plugin_id = $1 AND team_id = $2 RETURNING id`,
        [pluginId, teamId, config, order ?? null],
      );
      const [row] = rows.length > 0 ? rows : await tx.query<{ id: number }>(
        `INSERT INTO posthog_pluginconfig (
           plugin_id, team_id, enabled, "order", config, created_at, updated_at
         )
         SELECT $1, $2, true,
           coalesce($4, (SELECT max("order") + 1 FROM posthog_pluginconfig WHERE team_id = $2), 1),
           $3, now(), now()
         RETURNING id`,
        [pluginId, teamId, config, order ?? null],
      );
      const { id } = row as { id: number };
      await writeAttachments(tx, id, teamId, change.attachments);
      return id;
    });
  }

  /**
   * Puts a team's plugins in an order: those that are named first, in the order of their names, and
   * the others behind them as they were. The order of a team's configs is 1, 2, 3, … from then on.
   */
  async reorder(teamId: number, pluginIds: readonly number[]): Promise<void> {
    await this.#database.transaction(async (tx) => {
      await tx.query("LOCK TABLE posthog_pluginconfig IN SHARE ROW EXCLUSIVE MODE");
      await tx.query(
        `WITH placed AS (
           SELECT id, row_number() OVER (
             ORDER BY array_position($2::int[], plugin_id), "order", id
           ) AS place
           FROM posthog_pluginconfig WHERE team_id = $1
         )
         UPDATE posthog_pluginconfig AS config
         SET "order" = placed.place, updated_at = now()
         FROM placed WHERE placed.id = config.id AND config."order" <> placed.place`,
        [teamId, pluginIds],
      );
    });
  }

  /** Disables a plugin for one team, or for all. Returns for how many it was enabled. */
  async disable(pluginId: number, teamId: number | null): Promise<number> {
    const rows = await this.#database.query(
      `UPDATE posthog_pluginconfig SET enabled = false, updated_at = now()
       WHERE plugin_id = $1 AND enabled AND ($2::int IS NULL OR team_id = $2) RETURNING id`,
      [pluginId, teamId],
    );
    return rows.length;
  }
}

/** A name as it may be typed, without capitals and quotes. */
function typed(name: string): string {
  return name.toLowerCase().replace(/[\s_-]+/g, "-");
}

/** Values of a plugin's columns from `description` to `tag`. */
function codeColumns(manifest: PluginManifest, place: PluginPlace): unknown[] {
  const isCustom = place.type === "custom";
  return [
    manifest.description === null ? null : storableText(manifest.description),
    isCustom ? manifest.url?.slice(0, MAX_URL) ?? null : place.url.slice(0, MAX_URL),
    storableJsonText(manifest.configSchema),
    place.type === "local" ? null : place.archive,
    place.type === "repository" ? place.tag?.slice(0, MAX_TAG) ?? null : null,
    manifest.publicJobs === null ? null : storableJsonText(manifest.publicJobs),
  ];
}

async function writeAttachments(
  tx: Queryable,
  configId: number,
  teamId: number,
  attachments: Readonly<Record<string, PluginAttachment>>,
): Promise<void> {
  for (const [key, { contentType, fileName, contents }] of Object.entries(attachments)) {
    await tx.query(
      "DELETE FROM posthog_pluginattachment WHERE plugin_config_id = $1 AND key = $2",
      [configId, key],
    );
    await tx.query(
      `INSERT INTO posthog_pluginattachment (
         team_id, plugin_config_id, key, content_type, file_name, file_size, contents
       ) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [teamId, configId, key, contentType, fileName, contents.byteLength, contents],
    );
  }
}

function checkedName({ name }: PluginManifest): string {
  const trimmed = storableText(name ?? "").trim();
  if (trimmed === "") {
    throw new PaddockError("PDK_PLUGIN_MANIFEST", "plugin.json has no 'name', or is not there");
  }
  if (trimmed.length > MAX_NAME) {
    throw new PaddockError(
      "PDK_PLUGIN_MANIFEST",
      `plugin.json: 'name' has ${trimmed.length} characters; ${MAX_NAME} are allowed`,
    );
  }
  return trimmed;
}
