/**
 * The sub-commands: `paddock plugins …`, `paddock events`, `paddock teams`, `paddock dead-letters`,
 * `paddock jobs`, `paddock forget`.
 */
import { Command, CommanderError } from "commander";
import type { Environment } from "../config/config.ts";
import { errorMessage, PaddockError } from "../errors.ts";
import { type CommandOutput, CONSOLE_OUTPUT, hidingOutput } from "./command_output.ts";
import { sessionsOf } from "./command_session.ts";
import { addCompletionCommands } from "./completion.ts";
import { addDeadLetterCommands } from "./dead_letters.ts";
import { addEventCommands } from "./events.ts";
import { addForgetCommand } from "./forget.ts";
import { addJobCommands } from "./jobs.ts";
import { addPluginCommands } from "./plugins.ts";
import { addStatusCommand } from "./status.ts";
import { addTapCommand } from "./tap.ts";
import { addTeamCommands } from "./teams.ts";
import { addTopCommand } from "./top.ts";

/**
 * Runs one sub-command on the stores that the environment names.
 * @param argv the command line, its first word one of `COMMANDS`
 * @returns the exit code: 0; 1 where it failed; 2 where it was used wrongly
 */
export async function runCommand(
  argv: readonly string[],
  environment: Environment,
  console: CommandOutput = CONSOLE_OUTPUT,
): Promise<number> {
  const output = hidingOutput(console);
  try {
    await createProgram(environment, output).parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    // Commander has printed its own, help included.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    output.complain(`paddock: ${errorMessage(error)}`);
    if (!(error instanceof PaddockError)) return 1;
    output.complain(`${error.hint} (${error.code})`);
    return error.kind === "usage" || error.code === "PDK_CONFIG_INVALID" ? 2 : 1;
  }
}

function createProgram(environment: Environment, output: CommandOutput): Command {
  const program = new Command("paddock")
    .exitOverride()
    .showHelpAfterError("Run with --help for what there is.")
    .configureOutput({
      writeOut: (text) => output.print(text.trimEnd()),
      writeErr: (text) => output.complain(text.trimEnd()),
    });
  const run = sessionsOf(environment, output);
  addPluginCommands(program, run, environment, output);
  addEventCommands(program, run);
  addTeamCommands(program, run);
  addDeadLetterCommands(program, run);
  addJobCommands(program, run);
  addStatusCommand(program, run);
  addTopCommand(program, run);
  addTapCommand(program, run);
  addForgetCommand(program, run);
  addCompletionCommands(program, environment, run, output);
  return program;
}
