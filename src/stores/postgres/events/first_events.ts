import { LRUCache } from "lru-cache";
import type { PreparedEvent } from "../../../events/prepared_event.ts";
import type { Queryable } from "../database.ts";
import markIngested from "./mark_ingested.sql" with { type: "text" };

const CACHED_TEAMS = 10_000;
/** Longer than a team's row is cached, which still says for a while that it has no event. */
const REMEMBERED_MS = 60_000;

/** `posthog_team.ingested_event`: set with a team's first event. */
export class FirstEvents {
  readonly #marked = new LRUCache<number, true>({ max: CACHED_TEAMS, ttl: REMEMBERED_MS });

  /** Within the write transaction. */
  async write(tx: Queryable, events: readonly PreparedEvent[]): Promise<void> {
    const teamIds = [...this.#unmarked(events)];
    if (teamIds.length > 0) await tx.query(markIngested, [teamIds]);
  }

  /** After the commit. */
  committed(events: readonly PreparedEvent[]): void {
    for (const teamId of this.#unmarked(events)) this.#marked.set(teamId, true);
  }

  #unmarked(events: readonly PreparedEvent[]): Set<number> {
    const teamIds = new Set<number>();
    for (const { teamId, isTeamsFirst } of events) {
      if (isTeamsFirst && !this.#marked.has(teamId)) teamIds.add(teamId);
    }
    return teamIds;
  }
}
