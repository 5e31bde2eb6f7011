/** `paddock teams`: the projects, with the keys that events are sent with. */
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import type { Queryable } from "../stores/postgres/database.ts";
import { columns } from "./command_output.ts";
import type { RunInSession } from "./command_session.ts";

/** A team as commands need it. */
export interface CommandTeam {
  readonly id: number;
  readonly name: string;
  readonly apiToken: string;
  readonly organizationId: string;
  readonly organization: string;
  /** 0 means that the organization may not use plugins. */
  readonly pluginsAccessLevel: number;
}

const SELECT = `
SELECT team.id, team.name, team.api_token AS "apiToken", organization.id AS "organizationId",
  organization.name AS organization, organization.plugins_access_level AS "pluginsAccessLevel"
FROM posthog_team AS team
JOIN posthog_organization AS organization ON organization.id = team.organization_id
ORDER BY team.id`;

/**
 * The team a command is about: the one named, or else the first.
 * @throws PaddockError PDK_USAGE where there is no such team
 */
export async function chooseTeam(
  database: Queryable,
  id: number | undefined,
): Promise<CommandTeam> {
  const teams = await database.query<CommandTeam>(SELECT);
  const team = id === undefined ? teams[0] : teams.find((each) => each.id === id);
  if (team !== undefined) return team;
  const known = teams.map((each) => `${each.id} (${each.name})`).join(", ");
  throw new PaddockError(
    "PDK_USAGE",
    id === undefined ? "there is no team yet" : `there is no team ${id}; there are ${known}`,
  );
}

export function addTeamCommands(program: Command, run: RunInSession): void {
  const teams = program.command("teams").description("the teams (projects) and their API keys");
  teams.command("list", { isDefault: true })
    .description("every team, with the API key that its events are sent with")
    .option("--json", "as JSON")
    .action((options: { json?: true }) =>
      run(async ({ database, output }) => {
        const rows = await database.query<CommandTeam>(SELECT);
        if (options.json) return output.print(JSON.stringify(rows, null, 2));
        output.print(columns(
          ["id", "name", "organization", "API key"],
          rows.map((row) => [String(row.id), row.name, row.organization, row.apiToken]),
        ));
      })
    );
}
