/** From rows to plugins that can run. */
import { hash } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import { aboutPlugin, aboutSeveral } from "../../telemetry/about.ts";
import { intArray } from "../../stores/postgres/binary_arrays.ts";
import { errorMessage } from "../../errors.ts";
import type { JsonObject } from "../../events/types.ts";
import type { Queryable } from "../../stores/postgres/database.ts";
import { EVERY_PUBLIC_HOST, resolveGrant } from "../grants/grant.ts";
import type { NamedGrants, PluginGrants } from "../grants/plugin_grants.ts";
import { BuildProcess } from "../source/build_process.ts";
import {
  type LoadedSource,
  pluginDigest,
  type PluginSourceRow,
  readSource,
} from "../source/plugin_source.ts";
import type {
  PluginAttachment,
  PluginCapabilities,
  PluginConfig,
  PluginLog,
  PluginReports,
  PluginSpec,
} from "../types.ts";
import type { KeptVersion, WorkingVersions } from "./working_versions.ts";
import enabledConfigs from "./enabled_configs.sql" with { type: "text" };

export interface PluginRegistryOptions {
  readonly baseDir: string;
  /** From PLUGIN_NET_GRANTS. */
  readonly namedGrants: NamedGrants;
  readonly netDefault: "none" | "public";
  readonly isolation: "organization" | "config";
}

export interface PluginRegistryParts {
  readonly database: Queryable;
  readonly grants: PluginGrants;
  readonly log: PluginLog;
  readonly reports: PluginReports;
  /** Where the code that works is kept; without it a restart forgets the version before. */
  readonly working?: WorkingVersions;
}

interface ConfigRow {
  readonly id: number;
  readonly teamId: number;
  readonly pluginId: number;
  readonly order: number;
  readonly config: JsonObject;
  readonly updatedAt: string;
  readonly organizationId: string;
}

/** Of a plugin that some config enables; asked for once, and not with each config. */
interface EnabledPlugin {
  readonly id: number;
  readonly updatedAt: string;
  readonly capabilities: PluginCapabilities;
}

interface AttachmentRow extends PluginAttachment {
  readonly configId: number;
  readonly key: string;
}

/** A plugin's row and code, as long as the row does not change. */
interface KnownPlugin {
  readonly updatedAt: string;
  readonly capabilities: PluginCapabilities;
  /** Without the bulk of it. */
  readonly row: PluginSourceRow;
  readonly loaded: LoadedPlugin;
}

/** What came of loading. */
interface LoadedPlugin {
  /** Of what was last tried. */
  readonly version: string;
  /** Where that cannot be loaded: the version before, as long as this server knows one. */
  readonly source: LoadedSource | null;
  /** Of `source`. */
  readonly sourceVersion: string;
  readonly failure: string | null;
}

/** Of the many configs that have none. */
const NO_ATTACHMENTS: Readonly<Record<string, PluginAttachment>> = {};

export class PluginRegistry {
  readonly #parts: PluginRegistryParts;
  readonly #options: PluginRegistryOptions;
  readonly #log = getLogger(["paddock", "registry"]);
  #known = new Map<number, KnownPlugin>();
  /** What the configs were told already, so that a reload does not repeat it every minute. */
  #said = new Set<string>();
  #saying = new Set<string>();
  #teamless = "";
  /** What is kept of each plugin, as far as this server knows. */
  #kept: Map<number, KeptVersion> | null = null;
  /** Plugins whose version is another than the one that is kept, with that. */
  readonly #before = new Map<number, { readonly source: LoadedSource; readonly version: string }>();

  constructor(parts: PluginRegistryParts, options: PluginRegistryOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /**
   * Every plugin in force: one spec per plugin, organization and set of granted hosts, as code that
   * differs in one of these does not share a process. A plugin that cannot be loaded stays as it was
   * before, or is left out, with the reason in its log and in its configs' error column.
   */
  async load(): Promise<PluginSpec[]> {
    const { database, grants } = this.#parts;
    const rows = await database.query<ConfigRow>(enabledConfigs);
    const [attachments, granted] = await Promise.all([this.#attachments(rows), grants.all()]);
    await this.#complainOfTeamless();
    await this.#loadPlugins(rows);
    this.#saying = new Set();
    const specs = new Map<string, { spec: PluginSpec; configs: PluginConfig[] }>();
    for (const row of rows) {
      const plugin = this.#known.get(row.pluginId);
      if (plugin === undefined) continue;
      const { loaded } = plugin;
      if (loaded.failure !== null) this.#fail(row, loaded, loaded.failure);
      if (loaded.source === null) continue;
      const reach = this.#effectiveGrants(row, plugin.row, granted.get(row.pluginId) ?? []);
      this.#remindOfGrants(
        row,
        plugin.row.name ?? "",
        loaded.source.manifest.net,
        granted.get(row.pluginId) ?? [],
        reach,
      );
      const config: PluginConfig = {
        id: row.id,
        teamId: row.teamId,
        pluginId: row.pluginId,
        order: row.order,
        config: row.config,
        attachments: attachments.get(row.id) ?? NO_ATTACHMENTS,
        updatedAt: row.updatedAt,
      };
      const alone = this.#options.isolation === "config" ? row.id : null;
      const key = JSON.stringify([row.pluginId, row.organizationId, reach, alone]);
      const known = specs.get(key);
      if (known !== undefined) {
        known.configs.push(config);
        continue;
      }
      const configs = [config];
      specs.set(key, {
        configs,
        spec: {
          id: row.pluginId,
          name: plugin.row.name ?? `plugin ${row.pluginId}`,
          digest: pluginDigest(plugin.row),
          organizationId: row.organizationId,
          isolatedConfigId: alone,
          code: loaded.source.code,
          grants: reach,
          configs,
          maxWorkers: loaded.source.manifest.workers,
          capabilities: plugin.capabilities,
          version: specVersion(loaded.sourceVersion, reach),
          codeVersion: loaded.sourceVersion,
          ...this.#exportsOf(row.pluginId, loaded.sourceVersion),
        },
      });
    }
    this.#said = this.#saying;
    return [...specs.values()].map(({ spec }) => spec);
  }

  /**
   * Of these plugins those that worked in another version before this server began, in that version:
   * to be put into force first, so that they go on until the new ones are set up. Nothing from the
   * second call on.
   */
  takeBefore(specs: readonly PluginSpec[]): PluginSpec[] {
    const before = specs.flatMap((spec): PluginSpec[] => {
      const known = this.#before.get(spec.id);
      if (known === undefined) return [];
      const { code, manifest } = known.source;
      const version = specVersion(known.version, spec.grants);
      const { version: codeVersion } = known;
      return [{
        ...spec,
        code,
        codeVersion,
        maxWorkers: manifest.workers,
        version,
        hasWorked: true,
        ...this.#exportsOf(spec.id, codeVersion),
      }];
    });
    this.#before.clear();
    return before;
  }

  /** What a version exports, where it was set up before. */
  #exportsOf(id: number, version: string): Pick<PluginSpec, "exports"> {
    const kept = this.#kept?.get(id);
    return kept?.version === version && kept.exports !== null ? { exports: kept.exports } : {};
  }

  /** Keeps the code of a plugin that was set up, unless it is kept already. Never rejects. */
  async worked(
    { id, name, codeVersion }: PluginSpec,
    exports: PluginCapabilities,
  ): Promise<void> {
    const { working } = this.#parts;
    const loaded = this.#known.get(id)?.loaded;
    if (working === undefined || codeVersion === undefined || !loaded?.source) return;
    if (loaded.sourceVersion !== codeVersion || this.#exportsOf(id, codeVersion).exports) return;
    const version = { version: codeVersion, exports };
    this.#kept?.set(id, version);
    try {
      await working.keep(id, version, loaded.source);
    } catch (error) {
      this.#kept?.delete(id);
      aboutPlugin(this.#log, { plugin: name, pluginId: id })
        .warn`the code of plugin ${name} was not kept: ${errorMessage(error)}`;
    }
  }

  /**
   * The configs in force and the hosts that each may reach, as the rows say now: without building
   * anything, so that what was taken away is known at once. Plugins that were never loaded are left
   * out.
   */
  async inForce(): Promise<Map<number, readonly string[]>> {
    const { database, grants } = this.#parts;
    const [rows, granted] = await Promise.all([
      database.query<ConfigRow>(enabledConfigs),
      grants.all(),
    ]);
    return new Map(rows.flatMap((row) => {
      const plugin = this.#known.get(row.pluginId);
      if (plugin === undefined) return [];
      const entries = granted.get(row.pluginId) ?? [];
      return [[row.id, this.#effectiveGrants(row, plugin.row, entries)] as const];
    }));
  }

  /** What the operator gave, with placeholders filled in; an entry that cannot be is left out. */
  #effectiveGrants(
    config: ConfigRow,
    plugin: Pick<PluginSourceRow, "name">,
    granted: readonly string[],
  ): string[] {
    const entries = [...granted, ...this.#options.namedGrants.get(plugin.name ?? "") ?? []];
    if (entries.length === 0 && this.#options.netDefault === "public") return [EVERY_PUBLIC_HOST];
    const reach = new Set<string>();
    for (const entry of entries) {
      try {
        reach.add(resolveGrant(entry, config.config));
      } catch (error) {
        this.#say(config, errorMessage(error), "ERROR");
      }
    }
    return [...reach].sort();
  }

  /** What a plugin asks for and does not get is the likely reason of errors to come. */
  #remindOfGrants(
    config: ConfigRow,
    name: string,
    requested: readonly string[],
    granted: readonly string[],
    reach: readonly string[],
  ): void {
    const closed = requested.filter((host) => !granted.includes(host) && !reach.includes(host));
    if (closed.length === 0 || reach.includes(EVERY_PUBLIC_HOST)) return;
    const hosts = closed.map((host) => host.includes("{") ? `'${host}'` : host).join(" ");
    const message = `Plugin asks to reach ${closed.join(", ")} and may not. ` +
      `To allow it: paddock plugins grant ${config.pluginId} ${hosts}`;
    if (!this.#say(config, message, "WARN")) return;
    const { pluginId, id, teamId } = config;
    aboutPlugin(this.#log, { plugin: name, pluginId, configId: id, teamId })
      .warn`plugin ${name}: ${message}`;
  }

  /** A config without a team is a mistake of whoever wrote it: it could not see any event. */
  async #complainOfTeamless(): Promise<void> {
    const rows = await this.#parts.database.query<{ id: number }>(
      "SELECT id FROM posthog_pluginconfig WHERE enabled AND team_id IS NULL ORDER BY id",
    );
    const ids = rows.map(({ id }) => id).join(", ");
    if (ids !== "" && ids !== this.#teamless) {
      aboutSeveral(this.#log, rows.map(({ id }) => ({ configId: id })))
        .error`plugin configs without a team: ${ids}`;
    }
    this.#teamless = ids;
  }

  async #loadPlugins(configs: readonly ConfigRow[]): Promise<void> {
    const ids = new Set(configs.map(({ pluginId }) => pluginId));
    const enabled = ids.size === 0 ? [] : await this.#parts.database.query<EnabledPlugin>(
      `SELECT id, updated_at::text AS "updatedAt", capabilities
       FROM posthog_plugin WHERE id = ANY ($1::int[])`,
      [[...ids]],
    );
    // Folders change without their row, so they are read every time.
    const stale = enabled.filter(({ id, updatedAt }) => {
      const known = this.#known.get(id);
      return known?.updatedAt !== updatedAt || known.row.url?.startsWith("file:");
    }).map(({ id }) => id);
    const rows = stale.length === 0 ? [] : await this.#parts.database.query<PluginSourceRow>(
      `SELECT id, name, organization_id AS "organizationId", is_global AS "isGlobal",
         plugin_type AS "pluginType", url, archive, source
       FROM posthog_plugin WHERE id = ANY ($1::int[])`,
      [stale],
    );
    const next = new Map<number, KnownPlugin>();
    for (const { id, capabilities } of enabled) {
      const known = this.#known.get(id);
      if (known !== undefined) next.set(id, { ...known, capabilities });
    }
    const rowOf = new Map(enabled.map((plugin) => [plugin.id, plugin]));
    const isFirst = this.#kept === null;
    this.#kept ??= await this.#parts.working?.versions([...ids]) ?? new Map();
    // One process for all that changed; none at all where nothing did.
    await using builder = new BuildProcess();
    for (const row of rows) {
      const known = this.#known.get(row.id);
      const { updatedAt, capabilities } = rowOf.get(row.id) as EnabledPlugin;
      next.set(row.id, {
        updatedAt,
        capabilities,
        row: { ...row, archive: null, source: null },
        loaded: isFirst
          ? await this.#loadBefore(row.id, await this.#loadOne(row, null, builder))
          : await this.#loadOne(row, known?.loaded ?? null, builder),
      });
    }
    this.#known = next;
  }

  /** At the start the version that worked is known from its table alone. */
  async #loadBefore(id: number, loaded: LoadedPlugin): Promise<LoadedPlugin> {
    const version = this.#kept?.get(id)?.version;
    if (version === undefined || version === loaded.sourceVersion) return loaded;
    const source = await this.#parts.working?.read(id) ?? null;
    if (source === null) return loaded;
    // What cannot even be built has no successor to wait for.
    if (loaded.source === null) return { ...loaded, source, sourceVersion: version };
    this.#before.set(id, { source, version });
    return loaded;
  }

  async #loadOne(
    row: PluginSourceRow,
    known: LoadedPlugin | null,
    builder: BuildProcess,
  ): Promise<LoadedPlugin> {
    let version = "";
    try {
      const raw = await readSource(row, this.#options.baseDir);
      version = hash("sha256", `${raw.version} ${raw.digest}`, "hex");
      if (known?.version === version) return known;
      const source = await builder.build(raw);
      return { version, source, sourceVersion: version, failure: null };
    } catch (error) {
      const failure = errorMessage(error);
      if (known?.failure !== failure) {
        aboutPlugin(this.#log, { plugin: row.name ?? "", pluginId: row.id }).warn`${failure}`;
      }
      const { source = null, sourceVersion = "" } = known ?? {};
      return { version, source, sourceVersion, failure };
    }
  }

  /** A plugin that cannot be loaded is said to each of its configs, once. */
  #fail(config: ConfigRow, { version, source }: LoadedPlugin, failure: string): void {
    const message = source === null ? failure : `${failure} The version before goes on.`;
    if (!this.#say(config, message, "ERROR", version)) return;
    const time = new Date().toISOString();
    this.#parts.reports.failed(config.id, { message, time });
  }

  /** Writes to the config's log, unless the same was written by the load before. */
  #say(config: ConfigRow, message: string, type: "ERROR" | "WARN", version = ""): boolean {
    const { id: pluginConfigId, teamId, pluginId, updatedAt } = config;
    const key = JSON.stringify([pluginConfigId, updatedAt, version, message]);
    this.#saying.add(key);
    if (this.#said.has(key)) return false;
    const line = { teamId, pluginId, pluginConfigId, message };
    this.#parts.log.write({ ...line, source: "SYSTEM", type });
    return true;
  }

  async #attachments(
    configs: readonly ConfigRow[],
  ): Promise<ReadonlyMap<number, Record<string, PluginAttachment>>> {
    const byConfig = new Map<number, Record<string, PluginAttachment>>();
    if (configs.length === 0) return byConfig;
    const rows = await this.#parts.database.query<AttachmentRow>(
      `SELECT plugin_config_id AS "configId", key, content_type AS "contentType",
         file_name AS "fileName", contents
       FROM posthog_pluginattachment WHERE plugin_config_id = ANY ($1::int[])`,
      [intArray(configs.map(({ id }) => id))],
    );
    for (const { configId, key, ...attachment } of rows) {
      byConfig.set(configId, { ...byConfig.get(configId), [key]: attachment });
    }
    return byConfig;
  }
}

function specVersion(codeVersion: string, grants: readonly string[]): string {
  return hash("sha256", JSON.stringify([codeVersion, grants]), "hex");
}
