/** How far each plugin config has been told of stored events, and which server tells it. */
import type { Database, Queryable } from "../database.ts";
import { intArray } from "../binary_arrays.ts";
import claimCursors from "./claim_cursors.sql" with { type: "text" };

/** `hooks`: onEvent and onSnapshot. `export`: exportEvents, which waits in buffers. */
export type DeliveryKind = "hooks" | "export";

/** A config that has to be told. */
export interface CursorOwner {
  readonly configId: number;
  readonly kind: DeliveryKind;
}

export interface DeliveryCursor extends CursorOwner {
  /** Every row of the outbox up to this one is done. */
  readonly position: bigint;
}

export class DeliveryCursors {
  readonly #database: Database;
  readonly #serverId: string;

  /** @param serverId of this server, as in its `ServerPresence` */
  constructor(database: Database, serverId: string) {
    this.#database = database;
    this.#serverId = serverId;
  }

  /**
   * Makes the cursors that are missing, at the end of the outbox as it is now, and removes those of
   * configs that are not enabled any more.
   * @param inForce ids of all configs that are in force here
   * @returns teams with cursors of other configs: their plugin cannot be loaded now, and what is
   *   stored meanwhile waits for the version that can
   */
  async ensure(
    wanted: readonly (CursorOwner & { readonly teamId: number })[],
    inForce: readonly number[],
  ): Promise<ReadonlySet<number>> {
    return await this.#database.transaction(async (tx) => {
      await tx.query(
        `DELETE FROM paddock.delivery_cursor AS cursor WHERE NOT EXISTS (
           SELECT FROM posthog_pluginconfig AS config
           WHERE config.id = cursor.plugin_config_id AND config.enabled
         )`,
      );
      await this.#insert(tx, wanted);
      const rows = await tx.query<{ teamId: number }>(
        `SELECT DISTINCT team_id AS "teamId" FROM paddock.delivery_cursor
         WHERE plugin_config_id <> ALL ($1::int[])`,
        [intArray(inForce)],
      );
      return new Set(rows.map(({ teamId }) => teamId));
    });
  }

  async #insert(
    tx: Queryable,
    wanted: readonly (CursorOwner & { readonly teamId: number })[],
  ): Promise<void> {
    if (wanted.length === 0) return;
    // In one order, so that servers that start together do not deadlock.
    const sorted = wanted.toSorted((one, other) =>
      one.configId - other.configId || one.kind.localeCompare(other.kind)
    );
    await tx.query(
      `INSERT INTO paddock.delivery_cursor (plugin_config_id, kind, team_id, position)
         SELECT wanted.*, CASE WHEN is_called THEN last_value ELSE 0 END
         FROM unnest($1::int[], $2::text[], $3::int[]) AS wanted (config_id, kind, team_id),
           paddock.outbox_id_seq
         ON CONFLICT DO NOTHING`,
      [
        sorted.map(({ configId }) => configId),
        sorted.map(({ kind }) => kind),
        sorted.map(({ teamId }) => teamId),
      ],
    );
  }

  /** Forgets cursors of configs that turned out to have no such hook. */
  async remove(owners: readonly CursorOwner[]): Promise<void> {
    await this.#change(
      `DELETE FROM paddock.delivery_cursor AS cursor
       USING unnest($2::int[], $3::text[]) AS gone (config_id, kind)
       WHERE cursor.plugin_config_id = gone.config_id AND cursor.kind = gone.kind
         AND cursor.owner = $1 RETURNING 1`,
      owners,
    );
  }

  /** Ids of configs with cursors that no living server holds. */
  async free(): Promise<number[]> {
    const rows = await this.#database.query<{ configId: number }>({
      name: "delivery_free",
      text: `SELECT DISTINCT plugin_config_id AS "configId" FROM paddock.delivery_cursor
        WHERE owner IS NULL OR owner NOT IN (
          SELECT id FROM paddock.server WHERE expires_at > now())`,
    });
    return rows.map(({ configId }) => configId);
  }

  /** Takes what no living server holds, up to this server's share. */
  async claim(configIds: readonly number[]): Promise<DeliveryCursor[]> {
    const rows = await this.#database.query<CursorOwner & { position: string }>(
      { name: "delivery_claim", text: claimCursors },
      [this.#serverId, intArray(configIds)],
    );
    return rows.map(({ position, ...owner }) => ({ ...owner, position: BigInt(position) }));
  }

  /** How many cursors this server holds beyond its share of all. */
  async surplus(): Promise<number> {
    const rows = await this.#database.query<{ surplus: number }>(
      `SELECT (
         count(*) FILTER (WHERE owner = $1) - ceil(count(*)::numeric / greatest(
           (SELECT count(*) FROM paddock.server WHERE expires_at > now()), 1))
       )::int AS surplus FROM paddock.delivery_cursor`,
      [this.#serverId],
    );
    return Math.max(rows[0]?.surplus ?? 0, 0);
  }

  /** Leaves cursors to other servers. */
  async release(owners: readonly CursorOwner[]): Promise<void> {
    await this.#change(
      `UPDATE paddock.delivery_cursor AS cursor SET owner = NULL
       FROM unnest($2::int[], $3::text[]) AS left_ (config_id, kind)
       WHERE cursor.plugin_config_id = left_.config_id AND cursor.kind = left_.kind
         AND cursor.owner = $1 RETURNING 1`,
      owners,
    );
  }

  /**
   * Moves cursors on.
   * @returns those that are not this server's any more: somebody else goes on with them
   */
  async advance(cursors: readonly DeliveryCursor[]): Promise<CursorOwner[]> {
    if (cursors.length === 0) return [];
    const sorted = cursors.toSorted((one, other) => one.configId - other.configId);
    const rows = await this.#database.query<CursorOwner>(
      {
        name: "delivery_advance",
        text: `UPDATE paddock.delivery_cursor AS cursor
          SET position = greatest(cursor.position, done.position)
          FROM unnest($2::int[], $3::text[], $4::bigint[]) AS done (config_id, kind, position)
          WHERE cursor.plugin_config_id = done.config_id AND cursor.kind = done.kind
            AND cursor.owner = $1
          RETURNING cursor.plugin_config_id AS "configId", cursor.kind`,
      },
      [
        this.#serverId,
        sorted.map(({ configId }) => configId),
        sorted.map(({ kind }) => kind),
        sorted.map(({ position }) => position),
      ],
    );
    const kept = new Set(rows.map(keyOf));
    return cursors.filter((cursor) => !kept.has(keyOf(cursor)));
  }

  async #change(statement: string, owners: readonly CursorOwner[]): Promise<void> {
    if (owners.length === 0) return;
    await (this.#database as Queryable).query(statement, [
      this.#serverId,
      owners.map(({ configId }) => configId),
      owners.map(({ kind }) => kind),
    ]);
  }
}

function keyOf({ configId, kind }: CursorOwner): string {
  return `${configId} ${kind}`;
}
