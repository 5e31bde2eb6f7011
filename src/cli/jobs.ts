/** `paddock jobs`: what plugins have asked for that is still to be done, and what failed for good. */
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import type { JobQueue } from "../jobs/job_queue.ts";
import { columns, printable, shownTime } from "./command_output.ts";
import { openCommandQueue } from "./command_queue.ts";
import { type CommandSession, type RunInSession, wholeNumber } from "./command_session.ts";

interface ListOptions {
  readonly number: number;
  readonly dead?: true;
  readonly team?: number;
  readonly json?: true;
}

export function addJobCommands(program: Command, run: RunInSession): void {
  const jobs = program.command("jobs")
    .description(
      "jobs of plugins, batches of events that could not be exported, and requests to hooks",
    );
  jobs.command("list", { isDefault: true })
    .description("the oldest first, with how often each was tried and its last error")
    .option("-n, --number <count>", "how many", wholeNumber("--number", 1), 20)
    .option("--dead", "only those that are not tried again by themselves")
    .option("--team <id>", "of this team only", wholeNumber("--team", 1))
    .option("--json", "as JSON")
    .action((options: ListOptions) =>
      run((session) =>
        withQueue(session, async (queue) => {
          const { output } = session;
          const rows = await queue.list({
            limit: options.number,
            onlyDead: options.dead === true,
            teamId: options.team ?? null,
          });
          if (options.json) return output.print(JSON.stringify(rows, null, 2));
          if (rows.length === 0) {
            return output.print(`There are no ${options.dead ? "dead " : ""}jobs.`);
          }
          output.print(columns(
            ["id", "state", "due (UTC)", "team", "config", "job", "tries", "last error"],
            rows.map((row) => [
              row.id,
              row.state,
              shownTime(row.runAt),
              String(row.teamId ?? "-"),
              String(row.configId ?? "-"),
              row.name ?? `export of ${row.events} events`,
              `${row.attempts}/${row.maxAttempts}`,
              row.lastError ?? "",
            ]),
          ));
        })
      )
    );
  jobs.command("show <id>")
    .description("everything about one of them, its payload included")
    .option("--json", "as JSON")
    .action((id: string, options: { json?: true }) =>
      run((session) =>
        withQueue(session, async (queue) => {
          const row = isId(id) ? await queue.show(id) : null;
          if (row === null) throw new PaddockError("PDK_USAGE", `there is no job '${id}'`);
          if (options.json) return session.output.print(JSON.stringify(row, null, 2));
          const { payload, ...rest } = row;
          const lines = Object.entries(rest).map(([key, value]) =>
            `${key}: ${value instanceof Date ? value.toISOString() : value ?? "-"}`
          );
          session.output.print(printable([...lines, "payload:", payload].join("\n")));
        })
      )
    );
  jobs.command("retry [ids...]")
    .description("run dead jobs again, with all their tries")
    .option("--all", "all that are dead")
    .option("--json", "the outcome as JSON")
    .action((ids: string[], options: { all?: true; json?: true }) =>
      run((session) =>
        withQueue(session, async (queue) => {
          if ((ids.length > 0) === (options.all === true)) {
            throw new PaddockError("PDK_USAGE", "name the jobs to retry, or give --all");
          }
          const wrong = ids.find((id) => !isId(id));
          if (wrong !== undefined) {
            throw new PaddockError("PDK_USAGE", `there is no job '${wrong}'`);
          }
          const count = await queue.retry(options.all ? "all" : ids);
          session.output.print(
            options.json
              ? JSON.stringify({ retried: count })
              : count === 1
              ? "1 job is run again."
              : `${count} jobs are run again.`,
          );
          if (!options.all && count < ids.length) {
            session.output.complain(`${ids.length - count} of them are not dead jobs.`);
          }
        })
      )
    );
}

async function withQueue(
  session: CommandSession,
  work: (queue: JobQueue) => Promise<void>,
): Promise<void> {
  await using opened = await openCommandQueue(session);
  if (opened.queue === null) {
    throw new PaddockError(
      "PDK_USAGE",
      "there is no job queue yet: start the server, or run 'paddock --migrate'",
    );
  }
  await work(opened.queue);
}

function isId(text: string): boolean {
  return /^\d{1,18}$/.test(text);
}
