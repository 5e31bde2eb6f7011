/** Which project a capture request is for. */
import { isObject } from "../../events/person_properties.ts";
import type { CaptureBody } from "./body.ts";
import { Refusal } from "./refusal.ts";

/** What is needed of a project. */
export interface CaptureTeam {
  readonly id: number;
  readonly anonymizeIps: boolean;
}

/** Where projects are looked up; rejections mean that the store is away. */
export interface TokenLookup {
  byToken(token: string): Promise<CaptureTeam | null>;
  byPersonalKey(key: string, teamId: number): Promise<CaptureTeam | null>;
}

const SETTINGS = "You can find your project API key in PostHog project settings.";

/**
 * The project of the request's key, wherever in the request it stands.
 * @throws Refusal 401 without a valid key, 400 for a bad project id, 503 when the store is away
 */
export async function teamOf(
  body: CaptureBody,
  method: string,
  lookup: TokenLookup,
): Promise<CaptureTeam> {
  const { payload, query, form } = body;
  const first: unknown = Array.isArray(payload) ? payload[0] : payload;
  const members = isObject(first) ? first : {};
  const properties = isObject(members.properties) ? members.properties : {};
  const inQuery = method === "GET" ? [query.get("token"), query.get("api_key")] : [];
  const token = [
    ...inQuery,
    form.get("api_key"),
    form.get("token"),
    members.$token,
    members.token,
    members.api_key,
    properties.token,
  ].find((candidate) => typeof candidate === "string" && candidate !== "");
  if (typeof token !== "string") {
    throw new Refusal(401, "missing_api_key", `API key not provided. ${SETTINGS}`);
  }
  const projectId = form.get("project_id") ?? members.project_id;
  try {
    const team = await lookup.byToken(token);
    if (team !== null) return team;
    if (projectId === undefined || projectId === null) {
      throw new Refusal(401, "invalid_api_key", `Project API key invalid. ${SETTINGS}`);
    }
    const teamId = Number(projectId);
    if (!Number.isInteger(teamId) || Math.abs(teamId) >= 2 ** 31) {
      throw new Refusal(400, "invalid_project", "Invalid Project ID.", "project_id");
    }
    const personal = await lookup.byPersonalKey(token, teamId);
    if (personal !== null) return personal;
    throw new Refusal(401, "invalid_personal_api_key", "Invalid Personal API key.");
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(503, "fetch_team_fail", "Unable to fetch team from database.");
  }
}
