/** `paddock.plugin_refusal`: what plugins tried to reach and may not, with how often. */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../../telemetry/about.ts";
import { errorMessage } from "../../errors.ts";
import type { Queryable } from "../../stores/postgres/database.ts";
import { type Mask, NO_MASK } from "../../telemetry/secret_values.ts";
import type { EgressRefusal } from "./egress_gateway.ts";

const FLUSH_MS = 1_000;
/** The same refusal is said again in the plugin's log after so long. */
const SAY_AGAIN_MS = 60_000;
/** Different hosts of all plugins that are remembered between two flushes, and for the log. */
const MAX_HOSTS = 1_000;

const UPSERT = `
INSERT INTO paddock.plugin_refusal AS stored (plugin_id, host, reason, count)
SELECT plugin_id, host, reason, count
FROM unnest($1::int[], $2::text[], $3::text[], $4::int[]) AS note (plugin_id, host, reason, count)
ON CONFLICT (plugin_id, host) DO UPDATE SET
  count = stored.count + excluded.count, reason = excluded.reason, last_at = now()`;

export interface StoredRefusal {
  readonly pluginId: number;
  readonly host: string;
  readonly reason: string;
  readonly count: number;
  readonly lastAt: Date;
}

/** Refusals of the last while, with the most recent first. */
export async function storedRefusals(database: Queryable): Promise<StoredRefusal[]> {
  return await database.query<StoredRefusal>(
    `SELECT plugin_id AS "pluginId", host, reason, count::int, last_at AS "lastAt"
     FROM paddock.plugin_refusal ORDER BY last_at DESC, plugin_id, host LIMIT 1000`,
  );
}

interface Note {
  readonly pluginId: number;
  readonly host: string;
  readonly reason: string;
  count: number;
}

export class EgressRefusals {
  readonly #database: Queryable | null;
  readonly #log = getLogger(["paddock", "egress"]);
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  readonly #saidAt = new Map<string, number>();
  #notes = new Map<string, Note>();
  #flushing: Promise<void> | null = null;
  /** Since the start of this server. */
  total = 0;

  readonly #mask: Mask;

  /**
   * @param database null counts in this process alone
   * @param mask hides what no host's name may show
   */
  constructor(database: Queryable | null, mask: Mask = NO_MASK) {
    this.#mask = mask;
    this.#database = database;
    if (database !== null) this.#timer = setInterval(() => this.flush(), FLUSH_MS);
  }

  /** Counts one. Returns the host as it is to be shown, if it is time to say it again. */
  note({ pluginId, host, port, reason }: EgressRefusal): string | null {
    this.total++;
    // What a plugin asked for may be any text, and ends in logs and in a command to copy.
    if (!/^[\w.:[\]-]{1,255}$/.test(host)) return null;
    const target = this.#mask(port > 0 ? `${host}:${port}` : host);
    const key = JSON.stringify([pluginId, target]);
    const note = this.#notes.get(key);
    if (note !== undefined) note.count++;
    else if (this.#notes.size < MAX_HOSTS) {
      this.#notes.set(key, {
        pluginId,
        host: target,
        reason: this.#mask(reason).slice(0, 500),
        count: 1,
      });
    }
    const now = performance.now();
    const saidAt = this.#saidAt.get(key);
    if (saidAt !== undefined && now - saidAt < SAY_AGAIN_MS) return null;
    if (this.#saidAt.size >= MAX_HOSTS) this.#saidAt.clear();
    this.#saidAt.set(key, now);
    return target;
  }

  /** Writes what was counted; what could not be written is tried again with the next flush. */
  flush(): Promise<void> {
    return this.#flushing ??= this.#flush().finally(() => this.#flushing = null);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    await this.flush();
  }

  async #flush(): Promise<void> {
    if (this.#database === null || this.#notes.size === 0) return;
    const notes = this.#notes;
    this.#notes = new Map();
    const rows = [...notes.values()];
    try {
      await this.#database.query(UPSERT, [
        rows.map(({ pluginId }) => pluginId),
        rows.map(({ host }) => host),
        rows.map(({ reason }) => reason),
        rows.map(({ count }) => count),
      ]);
    } catch (error) {
      aboutSeveral(this.#log, rows)
        .warn`refusals were not written: ${errorMessage(error)}`;
      this.#notes = new Map([...notes, ...this.#notes]);
    }
  }
}
