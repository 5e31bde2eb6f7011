/** `paddock teams`: the projects, with the keys that events are sent with. */
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { allTeams, type ListedTeam } from "../stores/postgres/all_teams.ts";
import type { Queryable } from "../stores/postgres/database.ts";
import { newApiToken } from "../stores/postgres/first_project.ts";
import { createTeam } from "../stores/postgres/new_team.ts";
import { asJson, columns, printableLine } from "./command_output.ts";
import { type CommandSession, JSON_OPTION, type RunInSession } from "./command_session.ts";

interface CreateOptions {
  readonly organization?: string;
  readonly json?: true;
}

interface TokenOptions {
  readonly rotate?: true;
  readonly json?: true;
}

/**
 * The team a command is about: the one named, or else the first.
 * @throws PaddockError PDK_USAGE where there is no such team
 */
export async function chooseTeam(
  database: Queryable,
  id: number | undefined,
): Promise<ListedTeam> {
  const teams = await allTeams(database);
  const team = id === undefined ? teams[0] : teams.find((each) => each.id === id);
  if (team !== undefined) return team;
  const known = teams.map((each) => `${each.id} (${each.name})`).join(", ");
  throw new PaddockError(
    "PDK_USAGE",
    id === undefined
      ? "there is no team yet: make one with 'paddock teams create'"
      : `there is no team ${id}; there are ${known}`,
  );
}

export function addTeamCommands(program: Command, run: RunInSession): void {
  const teams = program.command("teams").description("the teams (projects) and their API keys");
  teams.command("list", { isDefault: true })
    .description("every team, with the API key that its events are sent with")
    .option(...JSON_OPTION)
    .action((options: { json?: true }) =>
      run(async ({ database, output }) => {
        const rows = await allTeams(database);
        if (options.json) return output.print(asJson(rows));
        output.print(columns(
          ["id", "name", "organization", "API key"],
          rows.map((row) => [String(row.id), row.name, row.organization, row.apiToken]),
        ));
      })
    );
  teams.command("create <name>")
    .description("make a team and print its API key")
    .option(
      "--organization <name>",
      "in this organization, which is made where there is none of the name; else in the first",
    )
    .option(...JSON_OPTION)
    .action((name: string, options: CreateOptions) =>
      run((session) => create(session, name, options))
    );
  teams.command("token <team>")
    .description("print the API key of a team, named by its id or its name")
    .option("--rotate", "give it a new one; events sent with the old one are refused from then on")
    .option(...JSON_OPTION)
    .action((team: string, options: TokenOptions) =>
      run((session) => token(session, team, options))
    );
}

async function create(
  { database, output }: CommandSession,
  name: string,
  options: CreateOptions,
): Promise<void> {
  const made = await createTeam(database, name, options.organization ?? null);
  const team = await chooseTeam(database, made.teamId);
  if (options.json) return output.print(asJson(team));
  output.print(
    `Made team ${team.id} (${printableLine(team.name)}) in '${
      printableLine(team.organization)
    }'. Its API key: ${team.apiToken}`,
  );
}

async function token(
  { database, output }: CommandSession,
  nameOrId: string,
  options: TokenOptions,
): Promise<void> {
  const teams = await allTeams(database);
  const named = teams.filter(({ name }) => name.toLowerCase() === nameOrId.toLowerCase());
  const found = teams.find(({ id }) => String(id) === nameOrId) ??
    (named.length === 1 ? named[0] : undefined);
  if (found === undefined) {
    const known = teams.map((each) => `${each.id} (${each.name})`).join(", ");
    throw new PaddockError(
      "PDK_USAGE",
      named.length > 1
        ? `'${nameOrId}' are several teams: name one by its id`
        : `there is no team '${nameOrId}'; there are ${known}`,
    );
  }
  let { apiToken } = found;
  if (options.rotate) {
    apiToken = newApiToken();
    await database.query(
      "UPDATE posthog_team SET api_token = $2, updated_at = now() WHERE id = $1",
      [found.id, apiToken],
    );
    if (!options.json) {
      output.complain("The key before is refused within half a minute, which servers keep it for.");
    }
  }
  output.print(options.json ? asJson({ id: found.id, name: found.name, apiToken }) : apiToken);
}
