/** `paddock plugins enable`, `disable` and `order`. */
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { checkTeamAccess } from "../plugins/registry/team_access.ts";
import { checkForm } from "../plugins/registry/config_form.ts";
import { hostProblems } from "../plugins/registry/config_hosts.ts";
import { InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { configFields } from "../plugins/source/manifest.ts";
import { asJson, columns, printableLine } from "./command_output.ts";
import {
  type CommandSession,
  JSON_OPTION,
  type RunInSession,
  TEAM_OPTION,
  wholeNumber,
} from "./command_session.ts";
import { formOf, missingPairs } from "./config_pairs.ts";
import { grantAdvice } from "./plugins_install.ts";
import { ungranted } from "./plugins_grants.ts";
import { chooseTeam } from "./teams.ts";

interface TeamOptions {
  readonly team?: number;
  readonly json?: true;
}

interface EnableOptions extends TeamOptions {
  readonly order?: number;
  readonly config: readonly string[];
}

export function addPluginConfigCommands(plugins: Command, run: RunInSession): void {
  plugins.command("enable <plugin>")
    .description("run a plugin on a team's events")
    .option(TEAM_OPTION, "for this team; else for the first", wholeNumber("--team", 1))
    .option(
      "--config <key=value...>",
      "its settings; @file for one that is a file; fields without a value get their default",
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .option("--order <number>", "its place among the team's plugins", wholeNumber("--order", 0))
    .option(...JSON_OPTION)
    .action((plugin: string, options: EnableOptions) =>
      run((session) => enable(session, plugin, options))
    );
  plugins.command("disable <plugin>")
    .description("stop running a plugin; its settings and what it stored are kept")
    .option(TEAM_OPTION, "for this team; else for all", wholeNumber("--team", 1))
    .option(...JSON_OPTION)
    .action((plugin: string, options: TeamOptions) =>
      run((session) => disable(session, plugin, options))
    );
  plugins.command("order [plugins...]")
    .description(
      "print the order in which a team's plugins see its events; with names, put those first",
    )
    .option(TEAM_OPTION, "of this team; else of the first", wholeNumber("--team", 1))
    .option(...JSON_OPTION)
    .action((names: string[], options: TeamOptions) =>
      run((session) => order(session, names, options))
    );
}

async function enable(
  session: CommandSession,
  nameOrId: string,
  options: EnableOptions,
): Promise<void> {
  const { database, output } = session;
  const installed = new InstalledPlugins(database);
  const plugin = await installed.find(nameOrId);
  const team = await chooseTeam(database, options.team);
  checkTeamAccess(plugin, team);
  const before = (await installed.configs()).find((config) =>
    config.pluginId === plugin.id && config.teamId === team.id
  );
  const fields = configFields(plugin.configSchema);
  const form = await formOf(options.config, fields);
  const checked = checkForm(fields, form, before ?? { config: {}, attachments: [] });
  const { config } = checked;
  const origins = {
    database,
    baseDir: session.config.BASE_DIR ?? ".",
    namedGrants: session.config.PLUGIN_NET_GRANTS ?? "",
  };
  const problems = [...checked.problems, ...await hostProblems(origins, plugin, fields, config)];
  const wrong = problems.filter(({ kind }) => kind !== "missing");
  if (wrong.length > 0) {
    const reasons = wrong.map(({ message }) => message).join("; ");
    throw new PaddockError("PDK_USAGE", `'${plugin.name}': ${reasons}`);
  }
  if (problems.length > 0) {
    const missing = fields.filter(({ key }) => problems.some((problem) => problem.key === key));
    throw new PaddockError("PDK_USAGE", `'${plugin.name}' needs ${missingPairs(missing)}`);
  }
  const id = await installed.enable({
    pluginId: plugin.id,
    teamId: team.id,
    order: options.order,
    config,
    attachments: Object.fromEntries(form.files),
  });
  await session.announcePluginChange();
  const closed = await ungranted(session, plugin);
  if (options.json) {
    return output.print(asJson({ id, pluginId: plugin.id, teamId: team.id, ungranted: closed }));
  }
  output.print(
    `Enabled '${printableLine(plugin.name ?? "")}' for team ${team.id} (${
      printableLine(team.name)
    }), plugin config ${id}.`,
  );
  if (closed.length > 0) output.print(grantAdvice(plugin.id, closed));
}

async function disable(
  session: CommandSession,
  nameOrId: string,
  options: TeamOptions,
): Promise<void> {
  const { database, output } = session;
  const installed = new InstalledPlugins(database);
  const plugin = await installed.find(nameOrId);
  const team = options.team === undefined ? null : await chooseTeam(database, options.team);
  const disabled = await installed.disable(plugin.id, team?.id ?? null);
  await session.announcePluginChange();
  if (options.json) return output.print(asJson({ pluginId: plugin.id, disabled }));
  const name = printableLine(plugin.name ?? "");
  output.print(
    disabled === 0
      ? `'${name}' was not enabled.`
      : `Disabled '${name}' for ${disabled === 1 ? "one team" : `${disabled} teams`}.`,
  );
}

async function order(
  session: CommandSession,
  names: readonly string[],
  options: TeamOptions,
): Promise<void> {
  const { database, output } = session;
  const installed = new InstalledPlugins(database);
  const team = await chooseTeam(database, options.team);
  const chain = async () => (await installed.configs()).filter(({ teamId }) => teamId === team.id);
  if (names.length > 0) {
    const plugins = await Promise.all(names.map((name) => installed.find(name)));
    const known = new Set((await chain()).map(({ pluginId }) => pluginId));
    const absent = plugins.find(({ id }) => !known.has(id));
    if (absent !== undefined) {
      const message = `'${absent.name}' was never enabled for team ${team.id} (${team.name})`;
      throw new PaddockError("PDK_USAGE", message);
    }
    await installed.reorder(team.id, plugins.map(({ id }) => id));
    await session.announcePluginChange();
  }
  const named = new Map((await installed.all()).map(({ id, name }) => [id, name]));
  const rows = (await chain()).map(({ id, pluginId, order, enabled }) => ({
    order,
    pluginId,
    name: named.get(pluginId) ?? null,
    configId: id,
    enabled,
  }));
  if (options.json) return output.print(asJson(rows));
  if (rows.length === 0) return output.print(`Team ${team.id} has no plugins.`);
  output.print(columns(
    ["order", "id", "name", "enabled"],
    rows.map((row) => [
      String(row.order),
      String(row.pluginId),
      row.name ?? "",
      row.enabled ? "yes" : "no",
    ]),
  ));
}
