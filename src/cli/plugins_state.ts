/** `paddock plugins list`, `states` and `reset`: how plugins are doing. */
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { BreakerTable } from "../plugins/breaker/breaker_table.ts";
import { stateOf } from "../plugins/registry/plugin_state.ts";
import { InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { asJson, columns, printableLine } from "./command_output.ts";
import { type CommandSession, JSON_OPTION, type RunInSession } from "./command_session.ts";

export function addPluginStateCommands(plugins: Command, run: RunInSession): void {
  plugins.command("list")
    .description("every plugin, the teams it is enabled for, and how it is doing")
    .option(...JSON_OPTION)
    .action((options: { json?: true }) => run((session) => list(session, options.json === true)));
  plugins.command("states")
    .description("plugins that are in the slow lane, paused or disabled for hanging or crashing")
    .option(...JSON_OPTION)
    .action((options: { json?: true }) => run((session) => states(session, options.json === true)));
  plugins.command("reset <plugin>")
    .description("try a plugin again that is in the slow lane, paused or disabled")
    .option(...JSON_OPTION)
    .action((plugin: string, options: { json?: true }) =>
      run((session) => reset(session, plugin, options.json === true))
    );
}

async function list({ database, output }: CommandSession, json: boolean): Promise<void> {
  const installed = new InstalledPlugins(database);
  const [plugins, configs, breakers] = await Promise.all([
    installed.all(),
    installed.configs(),
    new BreakerTable(database).all(),
  ]);
  const rows = plugins.map((plugin) => ({
    ...plugin,
    // A config may hold secrets, so its values are shown nowhere.
    configs: configs.filter(({ pluginId }) => pluginId === plugin.id)
      .map(({ config: _config, ...rest }) => rest),
    states: breakers.filter(({ pluginId }) => pluginId === plugin.id),
  }));
  if (json) return output.print(asJson(rows));
  if (rows.length === 0) {
    return output.print("No plugin is installed. Install one: paddock plugins install <folder>");
  }
  output.print(columns(
    ["id", "name", "kind", "enabled for", "state"],
    rows.map(({ id, name, pluginType, configs, states }) => [
      String(id),
      name ?? "",
      pluginType ?? "",
      configs.filter(({ enabled }) => enabled).map(({ teamId }) => `team ${teamId}`).join(", ") ||
      "nobody",
      stateOf(configs, states),
    ]),
  ));
}

async function states({ database, output }: CommandSession, json: boolean): Promise<void> {
  const [plugins, breakers] = await Promise.all([
    new InstalledPlugins(database).all(),
    new BreakerTable(database).all(),
  ]);
  if (json) return output.print(asJson(breakers));
  if (breakers.length === 0) return output.print("Every plugin is healthy.");
  const names = new Map(plugins.map(({ id, name }) => [id, name]));
  output.print(columns(
    ["id", "name", "organization", "state", "since", "pauses", "still paused", "reason"],
    breakers.map((breaker) => [
      String(breaker.pluginId),
      names.get(breaker.pluginId) ?? "",
      breaker.organizationId,
      breaker.state,
      breaker.since.toISOString(),
      String(breaker.pauses),
      breaker.state === "paused" ? `${Math.ceil(breaker.pauseMs / 1000)} s` : "-",
      breaker.reason,
    ]),
  ));
}

async function reset(session: CommandSession, nameOrId: string, json: boolean): Promise<void> {
  const { database, output } = session;
  const plugin = await new InstalledPlugins(database).find(nameOrId);
  const name = `'${printableLine(plugin.name ?? "")}'`;
  const states = await new BreakerTable(database).reset(plugin.id);
  if (states === 0) {
    throw new PaddockError("PDK_USAGE", `${name} is healthy: there is nothing to reset`);
  }
  await session.announcePluginChange();
  output.print(
    json ? asJson({ pluginId: plugin.id, reset: states }) : `${name} is tried again.`,
  );
}
