/** `paddock forget`: a visitor's traces beside the stored events. */
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { deleteVisitorTraces } from "../stores/postgres/retention/visitor_traces.ts";
import { openCommandQueue } from "./command_queue.ts";
import { type RunInSession, wholeNumber } from "./command_session.ts";

export function addForgetCommand(program: Command, run: RunInSession): void {
  program.command("forget <distinct-id>")
    .description(
      "delete what is kept of a visitor beside events and people: dead letters, errors and log " +
        "lines of plugins, and requests to hooks, that name the distinct id",
    )
    .option("--team <id>", "in this team only", wholeNumber("--team", 1))
    .option("--json", "the outcome as JSON")
    .action((distinctId: string, options: { readonly team?: number; readonly json?: true }) =>
      run(async (session) => {
        const { database, output } = session;
        if (distinctId.trim() === "") throw new PaddockError("PDK_USAGE", "name a distinct id");
        const teamId = options.team ?? null;
        const traces = await deleteVisitorTraces(database, distinctId, teamId);
        await using jobs = await openCommandQueue(session);
        const hookRequests = await jobs.queue?.forgetVisitor(distinctId, teamId) ?? 0;
        const deleted = { ...traces, hookRequests };
        if (options.json) return output.print(JSON.stringify(deleted));
        const { deadLetters, pluginErrors, logLines } = deleted;
        output.print(
          `Deleted ${deadLetters} dead letters, ${pluginErrors} errors of plugins, ` +
            `${logLines} lines of their logs and ${hookRequests} requests to hooks.`,
        );
      })
    );
}
