/** One event over HTTP, watched until it is stored. */
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../../src/errors.ts";
import type { Arena } from "../matrix/arena.ts";

export interface Probe {
  readonly waitedMs: number;
  /** Why it was given up, and where events waited then; null where it was stored. */
  readonly failure: string | null;
}

const PATIENCE_MS = 60_000;
const LOOK_MS = 10;
const RETRY_MS = 150;
const PROBE = "soak probe";

/** The person that probes make. */
export const PROBE_DISTINCT_ID = PROBE;

/** Sends it as a client does, again where it is not taken, and waits for its row; a minute at most. */
export async function probe(arena: Arena): Promise<Probe> {
  const timestamp = new Date().toISOString();
  const began = performance.now();
  const waited = () => performance.now() - began;
  const refusals = new Map<string, number>();
  let isTaken = false;
  while (waited() < PATIENCE_MS) {
    try {
      if (!isTaken) {
        await send(arena, timestamp, PATIENCE_MS - waited());
        isTaken = true;
      }
      if (await isStored(arena, timestamp)) return { waitedMs: waited(), failure: null };
      await sleep(LOOK_MS);
    } catch (error) {
      const reason = errorMessage(error);
      refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
      await sleep(RETRY_MS);
    }
  }
  const reasons = [...refusals].map(([reason, times]) => `; ${times} times '${reason}'`).join("");
  const what = isTaken ? "answered with 200, not stored" : "not taken";
  const failure = `${what} within ${PATIENCE_MS / 1_000} s; ${await whatWaits(arena)}${reasons}`;
  return { waitedMs: waited(), failure };
}

async function send({ servers, apiKey }: Arena, timestamp: string, withinMs: number) {
  const response = await fetch(`${servers[0]?.address}/e/`, {
    method: "POST",
    body: JSON.stringify({
      api_key: apiKey,
      distinct_id: PROBE,
      event: PROBE,
      timestamp,
      properties: {},
    }),
    signal: AbortSignal.timeout(Math.max(1, withinMs)),
  });
  await response.body?.cancel();
  if (response.status !== 200) throw new Error(`status ${response.status}`);
}

async function isStored({ database, teamId }: Arena, timestamp: string): Promise<boolean> {
  const rows = await database.query(
    `SELECT id FROM posthog_event WHERE "timestamp" = $1 AND team_id = $2 AND event = $3`,
    [timestamp, teamId, PROBE],
  );
  return rows.length > 0;
}

/** Events and messages that wait for the server, by place. */
async function whatWaits({ database, redis, queue }: Arena): Promise<string> {
  try {
    const [row] = await database.query<{ inbox: number; parked: number }>(
      `SELECT (SELECT coalesce(sum(events), 0)::int FROM paddock.inbox) AS inbox,
         (SELECT coalesce(sum(events), 0)::int FROM paddock.parked) AS parked`,
    );
    const messages = await redis.llen(queue);
    return `waiting: ${row?.inbox} of HTTP, ${row?.parked} parked, ${messages} in Redis`;
  } catch (error) {
    return `what waits is not known: ${errorMessage(error)}`;
  }
}
