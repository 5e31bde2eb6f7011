/** Webhooks of teams and REST hooks of actions. */
import type { HookTargets, RestHook } from "../../actions/hook_dispatcher.ts";
import type { MessageAction } from "../../actions/hook_message.ts";
import type { HookedRows } from "../../actions/hook_index.ts";
import type { Queryable } from "./database.ts";
import { Organizations } from "./organizations.ts";

/** The only event that REST hooks are told of here. */
const ACTION_PERFORMED = "action_performed";
/** The feature that an organization has to have for them. */
const REST_HOOKS = "zapier";

export class Hooks {
  readonly #database: Queryable;
  readonly #organizations: Organizations;

  /** @param organizations those that are kept from one use to the next */
  constructor(database: Queryable, organizations = new Organizations()) {
    this.#database = database;
    this.#organizations = organizations;
  }

  /** What has hooks at all. */
  async hooked(): Promise<HookedRows> {
    const rows = await this.#database.query<HookedRows>(
      `SELECT
         ARRAY(SELECT id FROM posthog_team WHERE slack_incoming_webhook <> '') AS "teamIds",
         ARRAY(
           SELECT DISTINCT resource_id FROM ee_hook
           WHERE event = $1 AND resource_id IS NOT NULL
         ) AS "actionIds"`,
      [ACTION_PERFORMED],
    );
    return rows[0] ?? { teamIds: [], actionIds: [] };
  }

  /**
   * Who is to be told of these actions. REST hooks are a feature of some organizations; one without a
   * list of features has none.
   */
  async targets(
    teamIds: readonly number[],
    actionIds: readonly number[],
  ): Promise<HookTargets> {
    const actions = await this.#database.query<MessageAction>(
      `SELECT id, name, slack_message_format AS "slackMessageFormat" FROM posthog_action
       WHERE id = ANY ($1::int[]) AND post_to_slack AND NOT deleted`,
      [actionIds],
    );
    const webhooks = await this.#database.query<{ id: number; webhook: string }>(
      `SELECT id, slack_incoming_webhook AS webhook FROM posthog_team
       WHERE id = ANY ($1::int[]) AND slack_incoming_webhook <> ''`,
      [teamIds],
    );
    const restHooks = await this.#restHooks(actionIds);
    return {
      actions: new Map(actions.map((action) => [action.id, action])),
      webhooks: new Map(webhooks.map(({ id, webhook }) => [id, webhook])),
      restHooks,
    };
  }

  async #restHooks(actionIds: readonly number[]): Promise<RestHook[]> {
    const rows = await this.#database.query<RestHook & { readonly organizationId: string }>(
      `SELECT hook.id, hook.event, hook.target, hook.resource_id AS "actionId",
         hook.team_id AS "teamId", team.organization_id AS "organizationId"
       FROM ee_hook AS hook JOIN posthog_team AS team ON team.id = hook.team_id
       WHERE hook.resource_id = ANY ($1::int[]) AND hook.event = $2
       ORDER BY hook.id`,
      [actionIds, ACTION_PERFORMED],
    );
    const ids = [...new Set(rows.map(({ organizationId }) => organizationId))];
    const organizations = await this.#organizations.byIds(this.#database, ids);
    return rows.filter(({ organizationId }) =>
      organizations.get(organizationId)?.availableFeatures.includes(REST_HOOKS)
    );
  }

  /** Forgets a REST hook whose receiver is gone. */
  async remove(hookId: string): Promise<void> {
    await this.#database.query("DELETE FROM ee_hook WHERE id = $1", [hookId]);
  }
}
