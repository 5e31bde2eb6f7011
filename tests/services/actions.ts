/** Actions and hooks as PostHog's application makes them. */
import type { ActionStep } from "../../src/actions/action.ts";
import type { Database } from "../../src/stores/postgres/database.ts";

/** Makes an action. Resolves with its id. */
export async function createAction(
  database: Database,
  teamId: number,
  action: {
    readonly name?: string;
    readonly postToSlack?: boolean;
    readonly format?: string;
    readonly steps: readonly Partial<ActionStep>[];
  },
): Promise<number> {
  const rows = await database.query<{ id: number }>(
    `INSERT INTO posthog_action (
       name, team_id, created_at, deleted, post_to_slack, slack_message_format, is_calculating,
       updated_at, last_calculated_at
     ) VALUES ($1, $2, now(), false, $3, $4, false, now(), now()) RETURNING id`,
    [action.name ?? "Test action", teamId, action.postToSlack ?? false, action.format ?? ""],
  );
  const id = rows[0]?.id as number;
  for (const step of action.steps) {
    await database.query(
      `INSERT INTO posthog_actionstep (
         action_id, tag_name, text, href, selector, url, url_matching, event, properties
       ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        id,
        step.tagName ?? null,
        step.text ?? null,
        step.href ?? null,
        step.selector ?? null,
        step.url ?? null,
        step.urlMatching ?? null,
        step.event ?? null,
        step.properties === undefined ? null : JSON.stringify(step.properties),
      ],
    );
  }
  return id;
}

/** Makes a REST hook of an action, for an organization that may have them. */
export async function createRestHook(
  database: Database,
  teamId: number,
  hook: { readonly id: string; readonly actionId: number | null; readonly target: string },
): Promise<void> {
  await database.query(
    `UPDATE posthog_organization SET available_features = '{zapier}'
     WHERE id = (SELECT organization_id FROM posthog_team WHERE id = $1)`,
    [teamId],
  );
  await database.query(
    `INSERT INTO posthog_user (
       password, first_name, last_name, is_staff, is_active, date_joined, uuid, email,
       events_column_config
     ) VALUES ('', 'a', 'b', false, true, now(), gen_random_uuid(), 'a@example.com', '{}')
     ON CONFLICT DO NOTHING`,
  );
  await database.query(
    `INSERT INTO ee_hook (id, created, updated, event, target, resource_id, team_id, user_id)
     SELECT $1, now(), now(), 'action_performed', $2, $3, $4, min(id) FROM posthog_user`,
    [hook.id, hook.target, hook.actionId, teamId],
  );
}
