import type { Action } from "../../actions/action.ts";
import type { Queryable } from "./database.ts";

const SELECT_ACTIONS = `
SELECT
  action.id, action.team_id AS "teamId", action.name, action.post_to_slack AS "postToSlack",
  action.slack_message_format AS "slackMessageFormat",
  coalesce((
    SELECT json_agg(json_build_object(
      'tagName', step.tag_name, 'text', step.text, 'href', step.href, 'selector', step.selector,
      'url', step.url, 'urlMatching', step.url_matching, 'event', step.event,
      'properties', step.properties
    ) ORDER BY step.id)
    FROM posthog_actionstep AS step WHERE step.action_id = action.id
  ), '[]') AS steps
FROM posthog_action AS action
WHERE NOT action.deleted`;

/** `posthog_action` with `posthog_actionstep`: those that are not deleted, by id. */
export class Actions {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  async all(): Promise<Action[]> {
    return await this.#database.query(`${SELECT_ACTIONS} ORDER BY action.id`);
  }

  async one(actionId: number): Promise<Action | null> {
    const rows = await this.#database.query<Action>(`${SELECT_ACTIONS} AND action.id = $1`, [
      actionId,
    ]);
    return rows[0] ?? null;
  }
}
