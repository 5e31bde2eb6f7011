/** `paddock plugins …`: the sub-commands, each in a file of its subject. */
import type { Command } from "commander";
import { InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { columns } from "./command_output.ts";
import type { CommandSession, RunInSession } from "./command_session.ts";
import { addPluginConfigCommands } from "./plugins_config.ts";
import { addPluginGrantCommands } from "./plugins_grants.ts";
import { addPluginInstallCommands } from "./plugins_install.ts";
import { addPluginLogCommands } from "./plugins_logs.ts";

export function addPluginCommands(program: Command, run: RunInSession): void {
  const plugins = program.command("plugins").description("install, enable and look at plugins");
  addPluginInstallCommands(plugins, run);
  plugins.command("list")
    .description("every plugin, and the teams it is enabled for")
    .option("--json", "as JSON")
    .action((options: { json?: true }) => run((session) => list(session, options.json === true)));
  addPluginConfigCommands(plugins, run);
  addPluginGrantCommands(plugins, run);
  addPluginLogCommands(plugins, run);
}

async function list({ database, output }: CommandSession, asJson: boolean): Promise<void> {
  const installed = new InstalledPlugins(database);
  const [plugins, configs] = await Promise.all([installed.all(), installed.configs()]);
  const rows = plugins.map((plugin) => ({
    ...plugin,
    // A config may hold secrets, so its values are shown nowhere.
    configs: configs.filter(({ pluginId }) => pluginId === plugin.id)
      .map(({ config: _config, ...rest }) => rest),
  }));
  if (asJson) return output.print(JSON.stringify(rows, null, 2));
  if (rows.length === 0) {
    return output.print("No plugin is installed. Install one: paddock plugins install <folder>");
  }
  output.print(columns(
    ["id", "name", "kind", "enabled for", "state"],
    rows.map(({ id, name, pluginType, configs }) => [
      String(id),
      name ?? "",
      pluginType ?? "",
      configs.filter(({ enabled }) => enabled).map(({ teamId }) => `team ${teamId}`).join(", ") ||
      "nobody",
      stateOf(configs),
    ]),
  ));
}

/** The last error of any of its configs. */
function stateOf(
  configs: readonly { readonly enabled: boolean; readonly error: { message?: unknown } | null }[],
): string {
  const failed = configs.find(({ error }) => error !== null);
  return failed === undefined ? "ok" : `failed: ${String(failed.error?.message)}`;
}
