/** `paddock plugins install` and `uninstall`. */
import { basename } from "node:path";
import { strToU8, zipSync } from "fflate";
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { PluginGrants } from "../plugins/grants/plugin_grants.ts";
import { InstalledPlugins, type PluginPlace } from "../plugins/registry/installed_plugins.ts";
import { BuildProcess } from "../plugins/source/build_process.ts";
import { readFolder } from "../plugins/source/local_folder.ts";
import type { PluginManifest } from "../plugins/source/manifest.ts";
import type { PluginFiles } from "../plugins/source/plugin_files.ts";
import { rawSource } from "../plugins/source/plugin_source.ts";
import { checkPosthogVersion } from "../plugins/source/posthog_version.ts";
import { printableLine } from "./command_output.ts";
import { type CommandSession, type RunInSession, wholeNumber } from "./command_session.ts";
import { chooseTeam } from "./teams.ts";

interface InstallOptions {
  readonly team?: number;
}

interface UninstallOptions {
  readonly force?: true;
}

export function addPluginInstallCommands(plugins: Command, run: RunInSession): void {
  plugins.command("install <path>")
    .description(
      "install a plugin from a folder, a .zip or a .tgz; a folder below BASE_DIR is read where it " +
        "is, anything else is copied into the database",
    )
    .option("--team <id>", "for the organization of this team", wholeNumber("--team", 1))
    .action((path: string, options: InstallOptions) =>
      run((session) => install(session, path, options))
    );
  plugins.command("uninstall <plugin>")
    .description("remove a plugin with its configs, its log and all that it stored")
    .option("--force", "even if it is enabled")
    .action((plugin: string, options: UninstallOptions) =>
      run((session) => uninstall(session, plugin, options))
    );
}

async function install(
  session: CommandSession,
  path: string,
  options: InstallOptions,
): Promise<void> {
  const { config, database, output } = session;
  const { manifest, place } = await readPlugin(path, config.BASE_DIR ?? ".");
  checkPosthogVersion(manifest.posthogVersion);
  const team = await chooseTeam(database, options.team);
  const { id, replaced } = await new InstalledPlugins(database).install(
    team.organizationId,
    manifest,
    place,
  );
  const name = printableLine(manifest.name?.trim() ?? "");
  const from = place.type === "local" ? `, read from ${place.url}` : "";
  output.print(`${replaced ? "Updated" : "Installed"} '${name}' (plugin ${id})${from}.`);
  const granted = (await new PluginGrants(database).all()).get(id) ?? [];
  const asked = manifest.net.filter((host) => !granted.includes(host));
  if (asked.length > 0) {
    output.print(
      `It asks to reach ${asked.join(", ")}, and cannot before you allow it: ` +
        `paddock plugins grant ${id} ${asked.map(quoted).join(" ")}`,
    );
  }
  if (!replaced) {
    const required = manifest.fields.filter((field) =>
      field.required && (field.default === undefined || field.default === "")
    );
    const values = required.map(({ key, type }) =>
      ` --config ${quoted(`${key}=${type === "attachment" ? "@<file>" : "<value>"}`)}`
    );
    output.print(`Enable it with: paddock plugins enable ${quoted(name)}${values.join("")}`);
  }
  await session.announcePluginChange();
}

async function uninstall(
  session: CommandSession,
  nameOrId: string,
  options: UninstallOptions,
): Promise<void> {
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
  session.output.print(`Uninstalled '${printableLine(plugin.name ?? "")}' (plugin ${plugin.id}).`);
  await session.announcePluginChange();
}

/**
 * Reads, checks and transpiles what is to be installed, so that what cannot run is refused now.
 * @throws PaddockError PDK_USAGE, PDK_PLUGIN_LOAD or PDK_PLUGIN_MANIFEST
 */
async function readPlugin(
  path: string,
  baseDir: string,
): Promise<{ readonly manifest: PluginManifest; readonly place: PluginPlace }> {
  const stat = await Deno.stat(path).catch(() => null);
  if (stat === null) {
    throw new PaddockError("PDK_USAGE", `there is no folder or file '${path}'`);
  }
  await using builder = new BuildProcess();
  if (!stat.isDirectory) {
    const archive = await Deno.readFile(path);
    const { manifest } = await builder.build(rawSource(path, archive));
    return { manifest, place: { type: "custom", archive } };
  }
  const files = await readFolder(path, path);
  const { manifest } = await builder.build(rawSource(path, files));
  const [base, folder] = await Promise.all([Deno.realPath(baseDir), Deno.realPath(path)]);
  const place: PluginPlace = folder.startsWith(`${base}/`)
    ? { type: "local", url: `file:${folder.slice(base.length + 1)}` }
    : { type: "custom", archive: packed(files, basename(folder)) };
  return { manifest, place };
}

/** A zip whose first entry is the folder that all files are in, as the server before expects it. */
function packed(files: PluginFiles, root: string): Uint8Array {
  const entries = [...files].map(([path, text]) => [`${root}/${path}`, strToU8(text)] as const);
  return zipSync({ [`${root}/`]: new Uint8Array(0), ...Object.fromEntries(entries) });
}

/** As it can be typed into a shell again. */
export function quoted(word: string): string {
  return /^[\w.:@=/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
