import { randomBytes, randomUUID } from "node:crypto";
import type { Database, Queryable } from "./database.ts";

/** A project: what PostHog calls a team. */
export interface Project {
  /** A uuid. */
  readonly organizationId: string;
  /** The number by which events and plugins name it. */
  readonly teamId: number;
  /** What senders of events show. */
  readonly apiToken: string;
}

/** Any constant: only this takes the lock. */
const LOCK_KEY = 7_233_366;

/** The access level at which an organization may install plugins. */
const PLUGINS_ACCESS_ROOT = 9;

/** One organization and one project, if there is none at all; else null. */
export async function createFirstProject(database: Database): Promise<Project | null> {
  return await database.transaction(async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCK_KEY]);
    const teams = await tx.query("SELECT id FROM posthog_team LIMIT 1");
    const organizations = await tx.query("SELECT id FROM posthog_organization LIMIT 1");
    if (teams.length > 0 || organizations.length > 0) return null;
    const organizationId = await createOrganization(tx, "My organization", "my-organization");
    return await createProject(tx, organizationId, "My project");
  }, "patient");
}

/** An organization that may install plugins. Returns its id. */
export async function createOrganization(
  tx: Queryable,
  name: string,
  slug = `organization-${randomBytes(6).toString("hex")}`,
): Promise<string> {
  const id = randomUUID();
  await tx.query(INSERT_ORGANIZATION, [id, name, slug, PLUGINS_ACCESS_ROOT]);
  return id;
}

/** A key that events are sent with. */
export function newApiToken(): string {
  return `phc_${randomBytes(32).toString("base64url").replace(/[-_]/g, "0")}`;
}

/** A project with an API key of its own, in an organization that exists. */
export async function createProject(
  tx: Queryable,
  organizationId: string,
  name: string,
): Promise<Project> {
  const apiToken = newApiToken();
  const rows = await tx.query<{ id: number }>(INSERT_TEAM, [
    randomUUID(),
    organizationId,
    apiToken,
    name,
  ]);
  return { organizationId, teamId: rows[0]?.id as number, apiToken };
}

const INSERT_ORGANIZATION = `
INSERT INTO posthog_organization (
  id, name, slug, created_at, updated_at, plugins_access_level, for_internal_metrics,
  is_member_join_email_enabled, domain_whitelist, available_features, setup_section_2_completed,
  personalization
) VALUES ($1, $2, $3, now(), now(), $4, false, false, '{}', '{}', true, '{}')`;

const INSERT_TEAM = `
INSERT INTO posthog_team (
  uuid, organization_id, api_token, app_urls, name, created_at, updated_at, anonymize_ips,
  completed_snippet_onboarding, ingested_event, session_recording_opt_in, is_demo, access_control,
  test_account_filters, timezone, data_attributes, plugins_opt_in, opt_out_capture, event_names,
  event_names_with_usage, event_properties, event_properties_with_usage, event_properties_numerical
) VALUES (
  $1, $2, $3, '{}', $4, now(), now(), false,
  true, false, true, false, false,
  '[]', 'UTC', '["data-attr"]', true, false, '[]',
  '[]', '[]', '[]', '[]'
) RETURNING id`;
