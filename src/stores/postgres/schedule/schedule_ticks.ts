/** Which ticks of scheduled tasks were run, so that none is run twice, on whatever server. */
import type { Queryable } from "../database.ts";
import claimTicks from "./claim_ticks.sql" with { type: "text" };

/** One task of one config. */
export interface TickOwner {
  readonly configId: number;
  readonly task: string;
}

export interface ClaimedTick extends TickOwner {
  /** The one that was run before; null where there was none. */
  readonly lastTick: Date | null;
}

export class ScheduleTicks {
  readonly #database: Queryable;
  readonly #serverId: string;

  /** @param serverId of this server, as in its `ServerPresence` */
  constructor(database: Queryable, serverId: string) {
    this.#database = database;
    this.#serverId = serverId;
  }

  /** The database's clock, which all servers share. */
  async now(): Promise<Date> {
    const rows = await this.#database.query<{ now: Date }>("SELECT now() AS now");
    return rows[0]?.now ?? new Date();
  }

  /** The latest tick of each that was run, where there was any. */
  async last(
    owners: readonly TickOwner[],
  ): Promise<(TickOwner & { readonly tick: Date })[]> {
    return await this.#database.query(
      `SELECT plugin_config_id AS "configId", row.task, tick
       FROM paddock.schedule_tick AS row
       JOIN unnest($1::int[], $2::text[]) AS asked (config_id, task)
         ON row.plugin_config_id = asked.config_id AND row.task = asked.task`,
      [owners.map(({ configId }) => configId), owners.map(({ task }) => task)],
    );
  }

  /** Takes ticks to run them. Those that are not in the answer are somebody else's, or were run. */
  async claim(ticks: readonly (TickOwner & { readonly tick: Date })[]): Promise<ClaimedTick[]> {
    if (ticks.length === 0) return [];
    return await this.#database.query({ name: "schedule_claim", text: claimTicks }, [
      this.#serverId,
      ticks.map(({ configId }) => configId),
      ticks.map(({ task }) => task),
      ticks.map(({ tick }) => tick),
    ]);
  }

  /** Says that runs have ended, so that the next may begin. */
  async finished(runs: readonly TickOwner[]): Promise<void> {
    await this.#database.query(
      `UPDATE paddock.schedule_tick AS row SET running_on = NULL
       FROM unnest($2::int[], $3::text[]) AS ended (config_id, task)
       WHERE row.plugin_config_id = ended.config_id AND row.task = ended.task
         AND row.running_on = $1`,
      [this.#serverId, runs.map(({ configId }) => configId), runs.map(({ task }) => task)],
    );
  }

  /** Nothing is run here any more, whatever was begun. */
  async leave(): Promise<void> {
    await this.#database.query(
      "UPDATE paddock.schedule_tick SET running_on = NULL WHERE running_on = $1",
      [this.#serverId],
    );
  }
}
