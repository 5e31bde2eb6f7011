/** What a command line asks for. */
import { parseArgs } from "node:util";
import { didYouMean } from "../closest_word.ts";
import { errorMessage, PaddockError } from "../errors.ts";
import { COMMANDS, HIDDEN_COMMANDS } from "./command_names.ts";

/** What to do, in the order in which the flags win over each other. */
export type Mode = "help" | "version" | "healthcheck" | "migrate" | "idle" | "command" | "serve";

const FLAGS = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
  healthcheck: { type: "boolean" },
  migrate: { type: "boolean" },
  idle: { type: "boolean" },
  "upgrade-jobs": { type: "boolean" },
} as const;

const PRECEDENCE = ["help", "version", "healthcheck", "migrate", "idle"] as const;

/**
 * The mode of a command line. One that begins with a sub-command is that sub-command's, flags and all.
 * @throws PaddockError PDK_USAGE naming the word that is not understood
 */
export function modeOf(argv: readonly string[]): Mode {
  const [first] = argv;
  if (first !== undefined && [...COMMANDS, ...HIDDEN_COMMANDS].includes(first)) return "command";
  if (first !== undefined && !first.startsWith("-")) {
    throw new PaddockError(
      "PDK_USAGE",
      `unknown command '${first}'${didYouMean(first, COMMANDS)}: there are ${COMMANDS.join(", ")}`,
    );
  }
  try {
    const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: true });
    const mode = PRECEDENCE.find((flag) => values[flag]) ?? "serve";
    if (upgradesJobs(argv) && !values.migrate) {
      throw new PaddockError("PDK_USAGE", "--upgrade-jobs is given together with --migrate");
    }
    return mode;
  } catch (error) {
    if (error instanceof PaddockError) throw error;
    const message = errorMessage(error).split(". ")[0] ?? "";
    const flags = PRECEDENCE.map((flag) => `--${flag}`).join(", ");
    const close = didYouMean(
      (/'(--?[\w-]+)'/.exec(message)?.[1] ?? "").replace(/^--?/, ""),
      PRECEDENCE,
    );
    throw new PaddockError("PDK_USAGE", `${message}${close}: there are ${flags}`);
  }
}

/** Whether `--migrate` may change the job schema of the server before, beyond return. */
export function upgradesJobs(argv: readonly string[]): boolean {
  return argv.includes("--upgrade-jobs");
}
