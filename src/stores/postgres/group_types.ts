import { LRUCache } from "lru-cache";
import { type GroupTypeIndex, MAX_GROUP_TYPES } from "../../events/groups.ts";
import type { PreparedEvent } from "../../events/prepared_event.ts";
import { textArray } from "./binary_arrays.ts";
import type { Queryable } from "./database.ts";

/** How old a cached row may be: the age that the server before allowed. */
const FRESH_MS = 30_000;
const CACHED_TEAMS = 10_000;

/** Each attempt that other servers get in the way of leaves one index less to compete for. */
const ATTEMPTS = MAX_GROUP_TYPES + 1;

type TypeIndexes = ReadonlyMap<string, number>;

/** `posthog_grouptypemapping`: which index each team's group types have, a batch at a time. */
export class GroupTypes {
  readonly #database: Queryable;
  readonly #byTeam = new LRUCache<number, TypeIndexes>({ max: CACHED_TEAMS, ttl: FRESH_MS });

  constructor(database: Queryable) {
    this.#database = database;
  }

  /**
   * The indexes of all group types that the events name. A type that is new gets the team's next one,
   * whoever else is giving out indexes at the time; a team's sixth type gets none.
   */
  async indexes(events: readonly PreparedEvent[]): Promise<GroupTypeIndex> {
    const wanted = namedTypes(events);
    // What a batch saw stays what it works with, whatever leaves the cache meanwhile.
    const found = new Map<number, TypeIndexes>();
    for (const teamId of wanted.keys()) {
      const cached = this.#byTeam.get(teamId);
      if (cached !== undefined) found.set(teamId, cached);
    }
    await this.#load([...wanted.keys()].filter((teamId) => !found.has(teamId)), found);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const additions = missingRows(wanted, found);
      if (additions.length === 0) break;
      await this.#insert(additions);
      await this.#load([...new Set(additions.map(({ teamId }) => teamId))], found);
    }
    return (teamId, type) => found.get(teamId)?.get(type) ?? null;
  }

  async #load(teamIds: readonly number[], found: Map<number, TypeIndexes>): Promise<void> {
    if (teamIds.length === 0) return;
    const rows = await this.#database.query<{ teamId: number; type: string; index: number }>(
      `SELECT team_id AS "teamId", group_type AS type, group_type_index AS index
       FROM posthog_grouptypemapping WHERE team_id = ANY ($1::int[])`,
      [teamIds],
    );
    for (const teamId of teamIds) {
      const types = new Map(
        rows.filter((row) => row.teamId === teamId).map(({ type, index }) => [type, index]),
      );
      found.set(teamId, types);
      this.#byTeam.set(teamId, types);
    }
  }

  /** Rows that another server was faster with are left out. */
  async #insert(rows: readonly TypeRow[]): Promise<void> {
    await this.#database.query(
      `INSERT INTO posthog_grouptypemapping (team_id, group_type, group_type_index)
       SELECT * FROM unnest($1::int[], $2::text[], $3::int[]) ON CONFLICT DO NOTHING`,
      [
        rows.map(({ teamId }) => teamId),
        textArray(rows.map(({ type }) => type)),
        rows.map(({ index }) => index),
      ],
    );
  }
}

interface TypeRow {
  readonly teamId: number;
  readonly type: string;
  readonly index: number;
}

/** The types that events name, by team and in the order of their appearance. */
function namedTypes(events: readonly PreparedEvent[]): Map<number, Set<string>> {
  const wanted = new Map<number, Set<string>>();
  for (const { teamId, groups } of events) {
    if (groups === undefined) continue;
    let types = wanted.get(teamId);
    if (types === undefined) wanted.set(teamId, types = new Set());
    for (const { type } of groups.memberships) types.add(type);
    if (groups.identified !== null) types.add(groups.identified.type);
  }
  return wanted;
}

/** Rows for the types that have none, as far as there are indexes left; one order for all servers. */
function missingRows(
  wanted: ReadonlyMap<number, ReadonlySet<string>>,
  found: ReadonlyMap<number, TypeIndexes>,
): TypeRow[] {
  const rows: TypeRow[] = [];
  for (const [teamId, types] of wanted) {
    const known = found.get(teamId) ?? new Map<string, number>();
    const taken = new Set(known.values());
    let index = known.size;
    for (const type of types) {
      if (known.has(type)) continue;
      while (taken.has(index)) index++;
      if (index >= MAX_GROUP_TYPES) break;
      rows.push({ teamId, type, index: index++ });
    }
  }
  return rows.sort((one, other) => one.teamId - other.teamId || one.index - other.index);
}
