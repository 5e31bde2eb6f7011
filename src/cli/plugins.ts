/** `paddock plugins …`: the sub-commands, each in a file of its subject. */
import type { Command } from "commander";
import type { Environment } from "../config/config.ts";
import type { CommandOutput } from "./command_output.ts";
import type { RunInSession } from "./command_session.ts";
import { addPluginConfigCommands } from "./plugins_config.ts";
import { addPluginGrantCommands } from "./plugins_grants.ts";
import { addPluginInstallCommands } from "./plugins_install.ts";
import { addPluginLogCommands } from "./plugins_logs.ts";
import { addPluginNewCommand } from "./plugins_new.ts";
import { addPluginShowCommand } from "./plugins_show.ts";
import { addPluginStateCommands } from "./plugins_state.ts";
import { addPluginTrialCommands } from "./plugins_trial.ts";

export function addPluginCommands(
  program: Command,
  run: RunInSession,
  environment: Environment,
  output: CommandOutput,
): void {
  const plugins = program.command("plugins").description("install, enable and look at plugins");
  addPluginNewCommand(plugins, output);
  addPluginInstallCommands(plugins, run);
  addPluginStateCommands(plugins, run);
  addPluginShowCommand(plugins, run);
  addPluginConfigCommands(plugins, run);
  addPluginGrantCommands(plugins, run);
  addPluginLogCommands(plugins, run);
  addPluginTrialCommands(plugins, environment, output);
}
