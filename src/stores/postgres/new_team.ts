/** Makes teams in organizations that exist or not. */
import { PaddockError } from "../../errors.ts";
import { storableText } from "../../events/storable_text.ts";
import type { Database } from "./database.ts";
import { createOrganization, createProject, type Project } from "./first_project.ts";

/** Widths of the tables' columns. */
const MAX_TEAM_NAME = 200;
const MAX_ORGANIZATION_NAME = 64;

/**
 * Makes a team.
 * @param organization its name; made where there is none. Null is the first that there is
 * @throws PaddockError PDK_USAGE for a name that is none
 */
export async function createTeam(
  database: Database,
  name: string,
  organization: string | null,
): Promise<Project> {
  const teamName = checkedName("team", name, MAX_TEAM_NAME);
  const organizationName = organization === null
    ? "My organization"
    : checkedName("organization", organization, MAX_ORGANIZATION_NAME);
  return await database.transaction(async (tx) => {
    await tx.query("LOCK TABLE posthog_organization IN SHARE ROW EXCLUSIVE MODE");
    const [known] = await tx.query<{ id: string }>(
      `SELECT id FROM posthog_organization WHERE $1::text IS NULL OR lower(name) = lower($1)
       ORDER BY created_at, id LIMIT 1`,
      [organization === null ? null : organizationName],
    );
    const id = known?.id ?? await createOrganization(tx, organizationName);
    return await createProject(tx, id, teamName);
  });
}

function checkedName(what: string, name: string, max: number): string {
  const trimmed = storableText(name).trim();
  if (trimmed !== "" && trimmed.length <= max) return trimmed;
  throw new PaddockError(
    "PDK_USAGE",
    `the name of ${what === "team" ? "a" : "an"} ${what} has 1 to ${max} characters`,
  );
}
