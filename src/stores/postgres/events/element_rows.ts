import { LRUCache } from "lru-cache";
import type { PreparedEvent } from "../../../events/prepared_event.ts";
import { jsonbArray, textArray } from "../binary_arrays.ts";
import type { Queryable } from "../database.ts";
import insertElements from "./insert_elements.sql" with { type: "text" };

const CACHED_GROUPS = 50_000;

/** Groups of elements that a batch brings for the first time: one statement, or none. */
export class ElementRows {
  /** `team:hash` of groups that are stored. */
  readonly #known = new LRUCache<string, true>({ max: CACHED_GROUPS });

  /** Within the write transaction. */
  async write(tx: Queryable, events: readonly PreparedEvent[]): Promise<void> {
    const rows = new Map<string, { teamId: number; hash: string; json: string }>();
    for (const { teamId, elements } of events) {
      if (elements === null) continue;
      const key = keyOf(teamId, elements.hash);
      if (this.#known.get(key) === undefined) rows.set(key, { teamId, ...elements });
    }
    if (rows.size === 0) return;
    // One order for all servers, so that two that insert the same groups wait and do not deadlock.
    const sorted = [...rows.values()].sort((one, other) =>
      one.teamId - other.teamId || (one.hash < other.hash ? -1 : 1)
    );
    await tx.query({ name: "insert_elements", text: insertElements }, [
      sorted.map(({ teamId }) => teamId),
      textArray(sorted.map(({ hash }) => hash)),
      jsonbArray(sorted.map(({ json }) => json)),
    ]);
  }

  /** After the commit: these groups are not asked for again. */
  committed(events: readonly PreparedEvent[]): void {
    for (const { teamId, elements } of events) {
      if (elements !== null) this.#known.set(keyOf(teamId, elements.hash), true);
    }
  }
}

function keyOf(teamId: number, hash: string): string {
  return `${teamId}:${hash}`;
}
