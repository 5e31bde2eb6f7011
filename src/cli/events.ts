/** `paddock events`: what was stored lately. */
import type { Command } from "commander";
import { clickHouseOptions } from "../config/clickhouse_options.ts";
import type { Config } from "../config/config.ts";
import { ClickHouse } from "../stores/clickhouse/client.ts";
import { ClickHouseStoredEvents, type LatestEvent } from "../stores/clickhouse/stored_events.ts";
import type { Database } from "../stores/postgres/database.ts";
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
    .description(
      "the events stored last, the newest at the end: of ClickHouse with KAFKA_ENABLED, else of Postgres",
    )
    .option("-n, --number <count>", "how many", wholeNumber("--number", 1), 10)
    .option("--team <id>", "of this team only", wholeNumber("--team", 1))
    .option("--json", "as JSON")
    .action((options: EventOptions) =>
      run(async ({ config, database, output }) => {
        const rows = config.KAFKA_ENABLED
          ? await ofClickHouse(config, options)
          : await ofPostgres(database, options);
        rows.reverse();
        if (options.json) return output.print(JSON.stringify(rows, null, 2));
        if (rows.length === 0) return output.print("No events are stored yet.");
        output.print(rows.map(shown).join("\n"));
      })
    );
}

function ofPostgres(database: Database, { team, number }: EventOptions): Promise<StoredEvent[]> {
  return latestEvents(database, team === undefined ? {} : { teamId: team }, number);
}

async function ofClickHouse(
  config: Config,
  { team, number }: EventOptions,
): Promise<LatestEvent[]> {
  const clickhouse = new ClickHouse(await clickHouseOptions(config));
  try {
    return await new ClickHouseStoredEvents(clickhouse).latest(team ?? null, number);
  } finally {
    await clickhouse.close();
  }
}

/** A line of what and who, and one for each property. */
function shown(row: StoredEvent | LatestEvent): string {
  const { timestamp, teamId, event, distinctId, properties } = row;
  const head = `${shownTime(timestamp)}  team ${teamId}  ${event ?? "(no name)"}  by ${distinctId}`;
  const lines = Object.entries(properties).map(([key, value]) =>
    `    ${printableLine(key, SHOWN_VALUE)}: ${printableLine(JSON.stringify(value), SHOWN_VALUE)}`
  );
  return [printableLine(head), ...lines].join("\n");
}
