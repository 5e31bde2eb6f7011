import type { GroupTypeIndex } from "../../../events/groups.ts";
import type { PreparedEvent } from "../../../events/prepared_event.ts";
import { jsonbArray, textArray } from "../binary_arrays.ts";
import type { Queryable } from "../database.ts";
import upsertGroups from "./upsert_groups.sql" with { type: "text" };

interface GroupRow {
  readonly teamId: number;
  readonly key: string;
  readonly index: number;
  readonly properties: string;
}

/** `posthog_group`, which early deployments do not have: what `$groupidentify` says of groups. */
export class GroupRows {
  #hasTable: boolean | null = null;

  /** Within the write transaction; the last of a batch counts. */
  async write(
    tx: Queryable,
    events: readonly PreparedEvent[],
    indexOf: GroupTypeIndex,
  ): Promise<void> {
    const rows = new Map<string, GroupRow>();
    for (const { teamId, groups } of events) {
      const identified = groups?.identified ?? null;
      const index = identified === null ? null : indexOf(teamId, identified.type);
      if (identified === null || index === null) continue;
      const { key, properties } = identified;
      rows.set(`${teamId}:${index}:${key}`, { teamId, key, index, properties });
    }
    if (rows.size === 0 || !await this.#tableExists(tx)) return;
    // One order for all servers, so that two that change the same groups wait and do not deadlock.
    const sorted = [...rows].sort(([one], [other]) => one < other ? -1 : 1).map(([, row]) => row);
    await tx.query(upsertGroups, [
      sorted.map(({ teamId }) => teamId),
      textArray(sorted.map(({ key }) => key)),
      sorted.map(({ index }) => index),
      jsonbArray(sorted.map(({ properties }) => properties)),
    ]);
  }

  async #tableExists(tx: Queryable): Promise<boolean> {
    if (this.#hasTable === null) {
      const rows = await tx.query<{ exists: boolean }>(
        "SELECT to_regclass('posthog_group') IS NOT NULL AS exists",
      );
      this.#hasTable = rows[0]?.exists ?? false;
    }
    return this.#hasTable;
  }
}
