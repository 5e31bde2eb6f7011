import type { Queryable } from "./database.ts";

/** A team with its organization, for those who manage them. */
export interface ListedTeam {
  readonly id: number;
  readonly name: string;
  readonly apiToken: string;
  readonly organizationId: string;
  readonly organization: string;
  /** 0 means that the organization may not use plugins. */
  readonly pluginsAccessLevel: number;
}

/** Every team there is, by id. */
export async function allTeams(database: Queryable): Promise<ListedTeam[]> {
  return await database.query<ListedTeam>(
    `SELECT team.id, team.name, team.api_token AS "apiToken", organization.id AS "organizationId",
       organization.name AS organization,
       organization.plugins_access_level AS "pluginsAccessLevel"
     FROM posthog_team AS team
     JOIN posthog_organization AS organization ON organization.id = team.organization_id
     ORDER BY team.id`,
  );
}
