/** `paddock completion`, and `paddock complete`, which a shell asks while a command is typed. */
import type { Argument, Command, Option } from "commander";
import { type Environment, loadConfig } from "../config/config.ts";
import { recordedStorage, storageSettings } from "../config/storage_choice.ts";
import { PaddockError } from "../errors.ts";
import { InstalledPlugins } from "../plugins/registry/installed_plugins.ts";
import { embeddedStorageRuns } from "../stores/embedded/embedded_storage.ts";
import { type CommandOutput, printableLine } from "./command_output.ts";
import type { RunInSession } from "./command_session.ts";
import { COMPLETION_SCRIPTS } from "./completion_scripts.ts";

const SHELLS = Object.keys(COMPLETION_SCRIPTS);

interface Candidate {
  readonly word: string;
  readonly description: string;
}

export function addCompletionCommands(
  program: Command,
  environment: Environment,
  run: RunInSession,
  output: CommandOutput,
): void {
  program.command("completion <shell>")
    .description(`print what makes a shell complete these commands: ${SHELLS.join(", ")}`)
    .addHelpText(
      "after",
      `
bash, in ~/.bashrc:  source <(paddock completion bash)
zsh, in ~/.zshrc:    source <(paddock completion zsh)
fish:                paddock completion fish > ~/.config/fish/completions/paddock.fish`,
    )
    .action((shell: string) => {
      const script = Object.hasOwn(COMPLETION_SCRIPTS, shell) ? COMPLETION_SCRIPTS[shell] : null;
      if (script) return output.print(script);
      throw new PaddockError("PDK_USAGE", `'${shell}' is none of ${SHELLS.join(", ")}`);
    });
  program.command("complete [words...]", { hidden: true })
    .action(async (words: string[]) => {
      const typed = words.at(-1) ?? "";
      const { candidates, files } = await complete(
        program,
        words,
        () => pluginNames(environment, run),
      );
      const lines = candidates
        .filter(({ word }) => word.startsWith(typed))
        .map(({ word, description }) => `${word}\t${printableLine(description)}`);
      if (files) lines.push(":files");
      if (lines.length > 0) output.print(lines.join("\n"));
    });
}

/** What may stand in place of the last of these words. */
async function complete(
  program: Command,
  words: readonly string[],
  plugins: () => Promise<string[]>,
): Promise<{ readonly candidates: readonly Candidate[]; readonly files: boolean }> {
  let command = program;
  let waiting: Option | undefined;
  let values = 0;
  for (const word of words.slice(0, -1)) {
    const inner = subCommands(command).find((each) => each.name() === word);
    if (waiting !== undefined) waiting = undefined;
    else if (word.startsWith("-")) {
      const option = command.options.find(({ long, short }) => long === word || short === word);
      waiting = option?.required ? option : undefined;
    } else if (inner !== undefined && values === 0) command = inner;
    else values++;
  }
  const none = { candidates: [], files: false };
  if (waiting !== undefined) return none;
  if (words.at(-1)?.startsWith("-")) {
    return { candidates: command.options.map(optionCandidate), files: false };
  }
  const inner = subCommands(command);
  if (inner.length > 0 && values === 0) {
    const candidates = inner.map((each) => ({
      word: each.name(),
      description: each.description(),
    }));
    return { candidates, files: false };
  }
  switch (argumentAt(command, values)?.name()) {
    case "plugin":
    case "plugins":
      return {
        candidates: (await plugins()).map((word) => ({ word, description: "" })),
        files: false,
      };
    case "shell":
      return { candidates: SHELLS.map((word) => ({ word, description: "" })), files: false };
    case "source":
    case "folder":
      return { candidates: [], files: true };
    default:
      return none;
  }
}

function subCommands(command: Command): Command[] {
  return command.createHelp().visibleCommands(command).filter((each) => each.name() !== "help");
}

function optionCandidate({ long, short, description }: Option): Candidate {
  return { word: long ?? short ?? "", description };
}

/** The last of them stands for all that follow where it may be repeated. */
function argumentAt({ registeredArguments }: Command, index: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[index] ?? (last?.variadic ? last : undefined);
}

/** Those that are installed; none where asking would start, make or wait for a database. */
async function pluginNames(environment: Environment, run: RunInSession): Promise<string[]> {
  const names: string[] = [];
  try {
    const { explicit, BASE_DIR } = loadConfig(environment);
    const baseDir = BASE_DIR ?? ".";
    const isExternal = storageSettings(explicit).length > 0 ||
      await recordedStorage(baseDir) === "external";
    if (!isExternal && !await embeddedStorageRuns(baseDir)) return [];
    await run(async ({ database }) => {
      for (const { name } of await new InstalledPlugins(database).all()) {
        if (name !== null) names.push(printableLine(name));
      }
    });
  } catch {
    // Somebody who types is not to be told of a database that is away.
  }
  return names;
}
