/** Keys for the API of PostHog's application, as that application stores them. */
import { randomBytes, randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Database, Queryable } from "./database.ts";

/** A project's own key, and one that opens the door. */
interface Keys {
  readonly project: string;
  readonly personal: string;
}

/** Any constant: with the organization, only this takes the lock. */
const LOCK_CLASS = 7_233_367;

/** What PostHog knows its bots by, and what their keys are called there. */
const BOT_DOMAIN = "posthogbot.user";
const LABEL = "autogen";

/** A member: may use the projects of the organization, not administer it. */
const MEMBER = 1;

/** A key that was deleted in PostHog is not used for longer. */
const KEPT_MS = 60_000;

const FIND = `
SELECT team.api_token AS project, team.organization_id AS "organizationId", found.value AS personal
FROM posthog_team AS team
LEFT JOIN LATERAL (
  SELECT key.value
  FROM posthog_user AS bot
  JOIN posthog_personalapikey AS key ON key.user_id = bot.id
  WHERE bot.current_organization_id = team.organization_id AND bot.is_active
    AND bot.email LIKE '%@${BOT_DOMAIN}'
  ORDER BY key.created_at LIMIT 1
) AS found ON true
WHERE team.id = $1`;

interface Found {
  readonly project: string;
  readonly organizationId: string;
  readonly personal: string | null;
}

export class PostgresSiteKeys {
  readonly #database: Database;
  readonly #known = new LRUCache<number, Keys>({ max: 1_000, ttl: KEPT_MS });

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * The keys of a project. The first of an organization makes a bot user for it, as the server
   * before did; one that is there already is used.
   * @throws Error where there is no such project
   */
  async keysOf(teamId: number): Promise<Keys> {
    const known = this.#known.get(teamId);
    if (known !== undefined) return known;
    const { project, personal, organizationId } = await find(this.#database, teamId);
    const keys = {
      project,
      personal: personal ?? await this.#provision(teamId, organizationId),
    };
    this.#known.set(teamId, keys);
    return keys;
  }

  forget(teamId: number): void {
    this.#known.delete(teamId);
  }

  async #provision(teamId: number, organizationId: string): Promise<string> {
    return await this.#database.transaction(async (tx) => {
      await tx.query("SELECT pg_advisory_xact_lock($1, hashtext($2))", [
        LOCK_CLASS,
        organizationId,
      ]);
      const { personal } = await find(tx, teamId);
      if (personal !== null) return personal;
      const bot = await findBot(tx, organizationId) ?? await createBot(tx, teamId, organizationId);
      const value = `phx_${randomText(32)}`;
      await tx.query(
        `INSERT INTO posthog_personalapikey (id, user_id, label, value, created_at)
         VALUES ($1, $2, $3, $4, now())`,
        [randomText(32), bot, LABEL, value],
      );
      return value;
    });
  }
}

async function find(database: Queryable, teamId: number): Promise<Found> {
  const [found] = await database.query<Found>(FIND, [teamId]);
  if (found === undefined) throw new Error(`there is no project ${teamId}`);
  return found;
}

async function findBot(tx: Queryable, organizationId: string): Promise<number | null> {
  const [bot] = await tx.query<{ id: number }>(
    `SELECT id FROM posthog_user
     WHERE current_organization_id = $1 AND is_active AND email LIKE '%@${BOT_DOMAIN}'
     ORDER BY id LIMIT 1`,
    [organizationId],
  );
  return bot?.id ?? null;
}

/** Nobody can log in as it: a password that begins so is the hash of none. */
async function createBot(tx: Queryable, teamId: number, organizationId: string): Promise<number> {
  const [bot] = await tx.query<{ id: number }>(
    `INSERT INTO posthog_user (
       password, first_name, last_name, is_staff, is_active, date_joined, uuid, email,
       distinct_id, events_column_config, current_organization_id, current_team_id
     ) VALUES ($1, 'Plugins', '', false, true, now(), $2, $3, $4, '{"active": "DEFAULT"}', $5, $6)
     RETURNING id`,
    [
      `!${randomText(40)}`,
      randomUUID(),
      `${randomText(24).toLowerCase()}@${BOT_DOMAIN}`,
      randomText(32),
      organizationId,
      teamId,
    ],
  );
  await tx.query(
    `INSERT INTO posthog_organizationmembership (
       id, organization_id, user_id, level, joined_at, updated_at
     ) VALUES ($1, $2, $3, $4, now(), now())`,
    [randomUUID(), organizationId, bot?.id, MEMBER],
  );
  return bot?.id as number;
}

/** Letters and digits. */
function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    text += randomBytes(length).toString("base64").replace(/[^a-zA-Z0-9]/g, "");
  }
  return text.slice(0, length);
}
