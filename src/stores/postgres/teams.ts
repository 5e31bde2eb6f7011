import { LRUCache } from "lru-cache";
import type { Queryable } from "./database.ts";

/** What of `posthog_team` is used. */
export interface Team {
  readonly id: number;
  readonly uuid: string;
  readonly organizationId: string;
  readonly apiToken: string;
  readonly anonymizeIps: boolean;
  readonly ingestedEvent: boolean;
}

/** How old a cached row may be: the age that the server before allowed. */
const FRESH_MS = 30_000;
/** A token that does not exist is asked for again sooner: it may have just been made. */
const MISSING_FRESH_MS = 2_000;
const CACHED_TEAMS = 10_000;

const COLUMNS = `team.id, team.uuid, team.organization_id AS "organizationId",
  team.api_token AS "apiToken", team.anonymize_ips AS "anonymizeIps",
  team.ingested_event AS "ingestedEvent"`;

/** Projects, by id and by API key, a batch at a time. */
export class Teams {
  readonly #database: Queryable;
  readonly #byId = new LRUCache<number, { readonly team: Team | null }>({
    max: CACHED_TEAMS,
    ttl: FRESH_MS,
  });
  readonly #byToken = new LRUCache<string, { readonly team: Team | null }>({
    max: CACHED_TEAMS,
    ttl: FRESH_MS,
  });

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** The project that the server's own metrics are for; null where none is. */
  async forInternalMetrics(): Promise<number | null> {
    const rows = await this.#database.query<{ id: number }>(
      `SELECT team.id FROM posthog_team AS team
       JOIN posthog_organization AS organization ON organization.id = team.organization_id
       WHERE organization.for_internal_metrics ORDER BY team.id LIMIT 1`,
    );
    return rows[0]?.id ?? null;
  }

  /** Teams that do not exist are absent. One query for all that are not cached. */
  async byIds(ids: readonly number[]): Promise<ReadonlyMap<number, Team>> {
    const found = new Map<number, Team>();
    const unknown: number[] = [];
    for (const id of ids) {
      const cached = this.#byId.get(id);
      if (cached === undefined) unknown.push(id);
      else if (cached.team !== null) found.set(id, cached.team);
    }
    // An id that is no int4 cannot be a team's, and would fail the query for the others.
    const possible = unknown.filter((id) => id > 0 && id < 2 ** 31);
    if (possible.length === 0) return found;
    const rows = await this.#database.query<Team>(
      {
        name: "teams_by_id",
        text: `SELECT ${COLUMNS} FROM posthog_team AS team WHERE id = ANY ($1::int[])`,
      },
      [possible],
    );
    for (const team of rows) {
      found.set(team.id, team);
      this.#byId.set(team.id, { team });
    }
    for (const id of possible) {
      if (!found.has(id)) this.#byId.set(id, { team: null }, { ttl: MISSING_FRESH_MS });
    }
    return found;
  }

  /** The team of a project API key, or null. */
  async byToken(token: string): Promise<Team | null> {
    const cached = this.#byToken.get(token);
    if (cached !== undefined) return cached.team;
    const rows = await this.#database.query<Team>(
      {
        name: "team_by_token",
        text: `SELECT ${COLUMNS} FROM posthog_team AS team WHERE api_token = $1`,
      },
      [token],
    );
    const team = rows[0] ?? null;
    this.#byToken.set(token, { team }, team === null ? { ttl: MISSING_FRESH_MS } : {});
    return team;
  }

  /** The project that a personal API key's user has access to, or null. */
  async byPersonalKey(key: string, teamId: number): Promise<Team | null> {
    const rows = await this.#database.query<Team>(
      `SELECT ${COLUMNS}
       FROM posthog_personalapikey AS key
       JOIN posthog_organizationmembership AS membership ON membership.user_id = key.user_id
       JOIN posthog_team AS team ON team.organization_id = membership.organization_id
       WHERE key.value = $1 AND team.id = $2`,
      [key, teamId],
    );
    return rows[0] ?? null;
  }
}
