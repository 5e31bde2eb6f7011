/** `paddock events`: what was stored lately. */
import type { Command } from "commander";
import { latestEvents, type StoredEvent } from "../stores/postgres/events/latest_events.ts";
import { printableLine, shownTime } from "./command_output.ts";
import { type RunInSession, wholeNumber } from "./command_session.ts";

interface EventOptions {
  readonly number: number;
  readonly team?: number;
  readonly json?: true;
}

/** How much of one property's value is shown. */
const SHOWN_VALUE = 200;

export function addEventCommands(program: Command, run: RunInSession): void {
  program.command("events")
    .description("the events stored last, the newest at the end")
    .option("-n, --number <count>", "how many", wholeNumber("--number", 1), 10)
    .option("--team <id>", "of this team only", wholeNumber("--team", 1))
    .option("--json", "as JSON")
    .action((options: EventOptions) =>
      run(async ({ database, output }) => {
        const rows = await latestEvents(
          database,
          options.team === undefined ? {} : { teamId: options.team },
          options.number,
        );
        rows.reverse();
        if (options.json) return output.print(JSON.stringify(rows, null, 2));
        if (rows.length === 0) return output.print("No events are stored yet.");
        output.print(rows.map(shown).join("\n"));
      })
    );
}

/** A line of what and who, and one for each property. */
function shown({ timestamp, teamId, event, distinctId, properties }: StoredEvent): string {
  const head = `${shownTime(timestamp)}  team ${teamId}  ${event ?? "(no name)"}  by ${distinctId}`;
  const lines = Object.entries(properties).map(([key, value]) =>
    `    ${printableLine(key, SHOWN_VALUE)}: ${printableLine(JSON.stringify(value), SHOWN_VALUE)}`
  );
  return [printableLine(head), ...lines].join("\n");
}
