/** `paddock plugins …`: the sub-commands, each in a file of its subject. */
import type { Command } from "commander";
import type { RunInSession } from "./command_session.ts";
import { addPluginConfigCommands } from "./plugins_config.ts";
import { addPluginGrantCommands } from "./plugins_grants.ts";
import { addPluginInstallCommands } from "./plugins_install.ts";
import { addPluginLogCommands } from "./plugins_logs.ts";
import { addPluginShowCommand } from "./plugins_show.ts";
import { addPluginStateCommands } from "./plugins_state.ts";

export function addPluginCommands(program: Command, run: RunInSession): void {
  const plugins = program.command("plugins").description("install, enable and look at plugins");
  addPluginInstallCommands(plugins, run);
  addPluginStateCommands(plugins, run);
  addPluginShowCommand(plugins, run);
  addPluginConfigCommands(plugins, run);
  addPluginGrantCommands(plugins, run);
  addPluginLogCommands(plugins, run);
}
