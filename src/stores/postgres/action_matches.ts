import type { HookedMatch, HookTargets, KeptMatches } from "../../actions/hook_dispatcher.ts";
import type { NewHookJob } from "../../jobs/new_job.ts";
import type { Database, Queryable } from "./database.ts";
import { Hooks } from "./hooks.ts";
import { Organizations } from "./organizations.ts";

/** Write batches whose matches are taken together. */
const TAKE_ROWS = 20;

/** `paddock.action_match`: matches that hooks are still to be told of. */
export class ActionMatches implements KeptMatches {
  readonly #database: Database;
  readonly #organizations = new Organizations();
  readonly #enqueue: (tx: Queryable, jobs: readonly NewHookJob[]) => Promise<unknown>;

  /** @param enqueue makes jobs durable, within the transaction where their queue is in the same place */
  constructor(
    database: Database,
    enqueue: (tx: Queryable, jobs: readonly NewHookJob[]) => Promise<unknown>,
  ) {
    this.#database = database;
    this.#enqueue = enqueue;
  }

  async take(
    jobsOf: (matches: readonly HookedMatch[], targets: HookTargets) => NewHookJob[],
  ): Promise<boolean> {
    return await this.#database.transaction(async (tx) => {
      const rows = await tx.query<{ matches: string }>(
        `DELETE FROM paddock.action_match WHERE id IN (
           SELECT id FROM paddock.action_match ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
         ) RETURNING matches`,
        [TAKE_ROWS],
      );
      if (rows.length === 0) return false;
      const matches = rows.flatMap((row) => JSON.parse(row.matches) as HookedMatch[]);
      const targets = await new Hooks(tx, this.#organizations).targets(
        [...new Set(matches.map(({ event }) => event.team_id))],
        [...new Set(matches.flatMap(({ actionIds }) => actionIds))],
      );
      await this.#enqueue(tx, jobsOf(matches, targets));
      return true;
    });
  }
}

/** Keeps matches within the caller's transaction. */
export async function keepMatches(
  tx: Queryable,
  matches: readonly HookedMatch[],
): Promise<void> {
  if (matches.length === 0) return;
  await tx.query(
    { name: "keep_matches", text: "INSERT INTO paddock.action_match (matches) VALUES ($1)" },
    [JSON.stringify(matches)],
  );
}
