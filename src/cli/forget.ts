/** `paddock forget`: a visitor's traces beside the stored events. */
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { deleteVisitorTraces } from "../stores/postgres/retention/visitor_traces.ts";
import { type RunInSession, wholeNumber } from "./command_session.ts";

export function addForgetCommand(program: Command, run: RunInSession): void {
  program.command("forget <distinct-id>")
    .description(
      "delete what is kept of a visitor beside events and people: dead letters, and errors and " +
        "log lines of plugins that name the distinct id",
    )
    .option("--team <id>", "in this team only", wholeNumber("--team", 1))
    .option("--json", "the outcome as JSON")
    .action((distinctId: string, options: { readonly team?: number; readonly json?: true }) =>
      run(async ({ database, output }) => {
        if (distinctId.trim() === "") throw new PaddockError("PDK_USAGE", "name a distinct id");
        const deleted = await deleteVisitorTraces(database, distinctId, options.team ?? null);
        if (options.json) return output.print(JSON.stringify(deleted));
        const { deadLetters, pluginErrors, logLines } = deleted;
        output.print(
          `Deleted ${deadLetters} dead letters, ${pluginErrors} errors of plugins and ` +
            `${logLines} lines of their logs.`,
        );
      })
    );
}
