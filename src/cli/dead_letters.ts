/** `paddock dead-letters`: what could not be stored, and why. */
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { DeadLetters } from "../stores/postgres/dead_letters.ts";
import { columns, printable, shownTime } from "./command_output.ts";
import { type RunInSession, wholeNumber } from "./command_session.ts";

interface ListOptions {
  readonly number: number;
  readonly team?: number;
  readonly json?: true;
}

export function addDeadLetterCommands(program: Command, run: RunInSession): void {
  const letters = program.command("dead-letters")
    .description("messages and events that could not be stored");
  letters.command("list", { isDefault: true })
    .description("the newest first, with the reason")
    .option("-n, --number <count>", "how many", wholeNumber("--number", 1), 20)
    .option("--team <id>", "of this team only", wholeNumber("--team", 1))
    .option("--json", "as JSON")
    .action((options: ListOptions) =>
      run(async ({ database, output }) => {
        const rows = await new DeadLetters().list(database, options.number, options.team ?? null);
        if (options.json) return output.print(JSON.stringify(rows, null, 2));
        if (rows.length === 0) return output.print("There are no dead letters.");
        output.print(columns(
          ["id", "time (UTC)", "team", "source", "step", "code", "reason"],
          rows.map((row) => [
            row.id,
            shownTime(row.createdAt),
            row.teamId === null ? "-" : String(row.teamId),
            row.source,
            row.step,
            row.code,
            row.reason,
          ]),
        ));
      })
    );
  letters.command("show <id>")
    .description("everything about one of them, its message as it came included")
    .option("--json", "as JSON")
    .action((id: string, options: { json?: true }) =>
      run(async ({ database, output }) => {
        const row = /^\d{1,18}$/.test(id) ? await new DeadLetters().show(database, id) : null;
        if (row === null) throw new PaddockError("PDK_USAGE", `there is no dead letter '${id}'`);
        if (options.json) return output.print(JSON.stringify(row, null, 2));
        const { payload, ...rest } = row;
        const lines = Object.entries(rest).map(([key, value]) =>
          `${key}: ${value instanceof Date ? value.toISOString() : value ?? "-"}`
        );
        output.print(printable([...lines, "payload:", payload].join("\n")));
      })
    );
}
