/** What a command line asks for. */
import { parseArgs } from "node:util";
import { errorMessage, PaddockError } from "../errors.ts";
import { COMMANDS } from "./command_names.ts";

/** What to do, in the order in which the flags win over each other. */
export type Mode = "help" | "version" | "healthcheck" | "migrate" | "idle" | "command" | "serve";

const FLAGS = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
  healthcheck: { type: "boolean" },
  migrate: { type: "boolean" },
  idle: { type: "boolean" },
} as const;

const PRECEDENCE = ["help", "version", "healthcheck", "migrate", "idle"] as const;

/**
 * The mode of a command line. One that begins with a sub-command is that sub-command's, flags and all.
 * @throws PaddockError PDK_USAGE naming the word that is not understood
 */
export function modeOf(argv: readonly string[]): Mode {
  const [first] = argv;
  if (first !== undefined && COMMANDS.includes(first)) return "command";
  if (first !== undefined && !first.startsWith("-")) {
    throw new PaddockError(
      "PDK_USAGE",
      `unknown command '${first}': there are ${COMMANDS.join(", ")}`,
    );
  }
  try {
    const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: true });
    return PRECEDENCE.find((flag) => values[flag]) ?? "serve";
  } catch (error) {
    const message = errorMessage(error).split(". ")[0] ?? "";
    const flags = PRECEDENCE.map((flag) => `--${flag}`).join(", ");
    throw new PaddockError("PDK_USAGE", `${message}: there are ${flags}`);
  }
}
