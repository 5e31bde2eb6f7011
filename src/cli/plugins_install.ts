/** `paddock plugins install`, `upgrade` and `uninstall`. */
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { PluginGrants } from "../plugins/grants/plugin_grants.ts";
import { type InstalledPlugin, InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { isDownload } from "../plugins/source/download.ts";
import { configFields, type PluginManifest } from "../plugins/source/manifest.ts";
import { type PluginOrigins, readPlugin } from "../plugins/source/plugin_to_install.ts";
import { asJson, printableLine } from "./command_output.ts";
import {
  type CommandSession,
  JSON_OPTION,
  type RunInSession,
  TEAM_OPTION,
  wholeNumber,
} from "./command_session.ts";
import { missingPairs, quoted } from "./config_pairs.ts";
import { chooseTeam } from "./teams.ts";

interface InstallOptions {
  readonly team?: number;
  readonly json?: true;
}

interface UpgradeOptions {
  readonly all?: true;
  readonly json?: true;
}

interface UninstallOptions {
  readonly force?: true;
  readonly json?: true;
}

export function addPluginInstallCommands(plugins: Command, run: RunInSession): void {
  plugins.command("install <source>")
    .description(
      "install a plugin from a folder, a .zip or .tgz, 'npm:package@version', the page of a " +
        "repository on GitHub or GitLab (with '#branch-or-tag'), or the address of an archive; a " +
        "folder below BASE_DIR is read where it is, anything else is copied into the database",
    )
    .option(TEAM_OPTION, "for the organization of this team", wholeNumber("--team", 1))
    .option(...JSON_OPTION)
    .action((source: string, options: InstallOptions) =>
      run((session) => install(session, source, options))
    );
  plugins.command("upgrade [plugin]")
    .description("download the newest version of a plugin that was downloaded")
    .option("--all", "of every such plugin")
    .option(...JSON_OPTION)
    .action((plugin: string | undefined, options: UpgradeOptions) =>
      run((session) => upgrade(session, plugin, options))
    );
  plugins.command("uninstall <plugin>")
    .description("remove a plugin with its configs, its log and all that it stored")
    .option("--force", "even if it is enabled")
    .option(...JSON_OPTION)
    .action((plugin: string, options: UninstallOptions) =>
      run((session) => uninstall(session, plugin, options))
    );
}

async function install(
  session: CommandSession,
  source: string,
  options: InstallOptions,
): Promise<void> {
  const { database, output } = session;
  const { manifest, place } = await readPlugin(source, originsOf(session));
  const team = await chooseTeam(database, options.team);
  const { id, replaced } = await new InstalledPlugins(database).install(
    team.organizationId,
    manifest,
    place,
  );
  await session.announcePluginChange();
  const name = printableLine(manifest.name?.trim() ?? "");
  const asked = await stillToGrant(session, id, manifest);
  if (options.json) {
    const { type } = place;
    return output.print(asJson({ id, name, replaced, kind: type, ungranted: asked }));
  }
  const from = place.type === "local"
    ? `, read from ${place.url}`
    : place.type === "repository" && place.tag !== null
    ? `, version ${printableLine(place.tag)}`
    : "";
  output.print(`${replaced ? "Updated" : "Installed"} '${name}' (plugin ${id})${from}.`);
  if (asked.length > 0) output.print(grantAdvice(id, asked));
  if (!replaced) {
    const required = manifest.fields.filter((field) =>
      field.required && (field.default === undefined || field.default === "")
    );
    const values = required.length === 0 ? "" : ` ${missingPairs(required)}`;
    output.print(`Enable it with: paddock plugins enable ${quoted(name)}${values}`);
  }
}

interface Upgraded {
  readonly id: number;
  readonly name: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly changed: boolean;
}

async function upgrade(
  session: CommandSession,
  nameOrId: string | undefined,
  options: UpgradeOptions,
): Promise<void> {
  const installed = new InstalledPlugins(session.database);
  if ((nameOrId === undefined) === (options.all === undefined)) {
    throw new PaddockError("PDK_USAGE", "name a plugin to upgrade, or use --all");
  }
  const plugins = nameOrId === undefined
    ? (await installed.all()).filter(isDownloaded)
    : [await installed.find(nameOrId)];
  const results: Upgraded[] = [];
  for (const plugin of plugins) {
    const result = await upgradeOne(session, installed, plugin);
    results.push(result);
    if (!options.json) session.output.print(upgradeLine(result));
  }
  if (results.some(({ changed }) => changed)) await session.announcePluginChange();
  if (options.json) return session.output.print(asJson(results));
  if (results.length === 0) session.output.print("No plugin was downloaded: nothing to upgrade.");
}

async function upgradeOne(
  session: CommandSession,
  installed: InstalledPlugins,
  plugin: InstalledPlugin,
): Promise<Upgraded> {
  const { id, name, url } = plugin;
  if (url === null || !isDownloaded(plugin)) {
    throw new PaddockError(
      "PDK_USAGE",
      url?.startsWith("file:")
        ? `'${name}' is read from ${url}: what is saved there is in force already`
        : `'${name}' was not downloaded: upgrade it by installing its new archive`,
    );
  }
  const { manifest, place } = await readPlugin(url, originsOf(session));
  if (place.type !== "repository") throw new Error("a download is of another kind");
  const before = await installed.archive(id);
  const changed = before === null || !equalBytes(before, place.archive);
  if (changed) await installed.upgrade(plugin, manifest, place);
  const asked = changed ? await stillToGrant(session, id, manifest) : [];
  if (asked.length > 0) session.output.complain(grantAdvice(id, asked));
  if (changed) await complainOfMissing(session, installed, plugin);
  return { id, name, from: plugin.tag, to: place.tag, changed };
}

/** A newer version may need what the one before did not. */
async function complainOfMissing(
  { output }: CommandSession,
  installed: InstalledPlugins,
  { id, name }: InstalledPlugin,
): Promise<void> {
  const fields = configFields((await installed.find(String(id))).configSchema);
  for (const config of await installed.configs()) {
    if (config.pluginId !== id || !config.enabled) continue;
    const missing = fields.filter(({ key, required, type }) =>
      required &&
      (type === "attachment"
        ? !config.attachments.includes(key)
        : (config.config[key] ?? "") === "")
    );
    if (missing.length === 0) continue;
    output.complain(
      `Its new version needs more of team ${config.teamId}: paddock plugins enable ${
        quoted(name ?? String(id))
      } --team ${config.teamId} ${missingPairs(missing)}`,
    );
  }
}

function upgradeLine({ name, from, to, changed }: Upgraded): string {
  const shown = `'${printableLine(name ?? "")}'`;
  const version = (tag: string | null) => printableLine(tag ?? "an unnamed version");
  if (!changed) return `${shown} is at its newest version${to === null ? "" : `, ${version(to)}`}.`;
  return `Upgraded ${shown} from ${version(from)} to ${version(to)}.`;
}

async function uninstall(
  session: CommandSession,
  nameOrId: string,
  options: UninstallOptions,
): Promise<void> {
  const { output } = session;
  const installed = new InstalledPlugins(session.database);
  const plugin = await installed.find(nameOrId);
  const teams = (await installed.configs())
    .filter(({ pluginId, enabled }) => pluginId === plugin.id && enabled)
    .map(({ teamId }) => teamId);
  if (teams.length > 0 && !options.force) {
    throw new PaddockError(
      "PDK_USAGE",
      `'${plugin.name}' is enabled for team ${teams.join(", ")}: disable it first, or use --force`,
    );
  }
  await installed.uninstall(plugin.id);
  await session.announcePluginChange();
  if (options.json) return output.print(asJson({ id: plugin.id, name: plugin.name }));
  output.print(`Uninstalled '${printableLine(plugin.name ?? "")}' (plugin ${plugin.id}).`);
}

async function stillToGrant(
  { database }: CommandSession,
  id: number,
  manifest: PluginManifest,
): Promise<string[]> {
  const granted = (await new PluginGrants(database).all()).get(id) ?? [];
  return manifest.net.filter((host) => !granted.includes(host));
}

/** What to do about hosts that a plugin asks for. */
export function grantAdvice(pluginId: number, hosts: readonly string[]): string {
  return `It asks to reach ${hosts.join(", ")}, and cannot before you allow it: ` +
    `paddock plugins grant ${pluginId} ${hosts.map(quoted).join(" ")}`;
}

function isDownloaded({ pluginType, url }: InstalledPlugin): boolean {
  return pluginType === "repository" && url !== null && isDownload(url);
}

function originsOf({ config }: CommandSession): PluginOrigins {
  return { baseDir: config.BASE_DIR ?? ".", npmRegistry: config.NPM_CONFIG_REGISTRY ?? "" };
}

function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
