/**
 * Attacks on the real server: each is a plugin of its own in a project of its own, its events come
 * out of Redis, and what became of them is read from the rows that were stored.
 */
import assert from "node:assert/strict";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";
import { rawEvent } from "../services/raw_event.ts";

export interface Attack {
  readonly name: string;
  /**
   * Body of an async function that runs for the middle one of three events; sees `event` and `meta`.
   * What it returns or throws is the attack's answer.
   */
  readonly code?: string;
  /** Instead of `code`: all of the plugin's text. */
  readonly source?: string;
  readonly config?: Record<string, unknown>;
  /** Hosts that an operator granted. */
  readonly grants?: readonly string[];
  /**
   * - a pattern: of the attack's answer;
   * - "refused": it threw, or came to nothing;
   * - "contained": it threw, or the event went on as it was, marked as failed;
   * - "fails": the event went on as it was, marked as failed, and those around it were processed;
   * - "harmless": nothing but its own events suffered, and these were stored.
   */
  readonly expect: RegExp | "refused" | "contained" | "fails" | "harmless";
}

interface StoredEvent {
  readonly number: number;
  readonly answer?: string;
  readonly seen?: boolean;
  readonly failed: boolean;
}

/** What an attack left behind. */
export interface AttackOutcome {
  readonly attack: Attack;
  /** Its three events, in order. */
  readonly events: readonly StoredEvent[];
  readonly log: string;
}

const EVENTS = 3;

function sourceOf({ code, source }: Attack): string {
  return source ?? `
exports.processEvent = async (event, meta) => {
  event.properties.seen = true;
  if (!event.properties.attack) return event;
  let answer;
  try {
    const value = await (async () => { ${code} })();
    answer = "returned " + (typeof value === "string" ? value : String(JSON.stringify(value)));
  } catch (error) {
    answer = "threw " + (error && error.message);
  }
  event.properties.answer = answer.slice(0, 2000);
  return event;
}`;
}

/**
 * Runs attacks through a server of their own, `atOnce` at a time, while a neighbour works on.
 * Fails if the server does not survive, or if the neighbour loses anything.
 */
export async function runAttacks(
  attacks: readonly Attack[],
  options: { readonly atOnce?: number; readonly env?: Record<string, string> } = {},
): Promise<readonly AttackOutcome[]> {
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  const { database } = test;
  const neighbour = await prepareDatabase(database);
  const teams = await createTeams(database, neighbour, attacks.length);
  await installPlugin(database, {
    name: "Neighbour",
    source: "exports.processEvent = (event) => { event.properties.seen = true; return event }",
    teamId: neighbour,
  });
  for (const [index, attack] of attacks.entries()) {
    const teamId = teams[index] as number;
    await installPlugin(database, {
      name: attack.name,
      source: sourceOf(attack),
      teamId,
      ...(attack.config === undefined ? {} : { config: attack.config }),
    });
    await database.query(
      `INSERT INTO paddock.plugin_grant (plugin_id, host)
       SELECT plugin_id, host FROM posthog_pluginconfig, unnest($2::text[]) AS host
       WHERE team_id = $1`,
      [teamId, attack.grants ?? []],
    );
  }
  const baseDir = await Deno.makeTempDir();
  const server = await startServerProcess({
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
    BASE_DIR: baseDir,
    TASK_TIMEOUT: "1",
    PLUGIN_HEAP_MB: "64",
    PLUGIN_IDLE_SECONDS: "5",
    ...options.env,
  });
  const push = (teamId: number, count: number) =>
    pushEvents(
      queue.redis,
      queue.queue,
      Array.from({ length: count }, (_, number) =>
        rawEvent(teamId, `visitor ${number}`, {
          event: "e",
          properties: { number, attack: number === 1 },
        })),
    );
  const atOnce = options.atOnce ?? attacks.length;
  let rounds = 0;
  for (let start = 0; start < attacks.length; start += atOnce) {
    const round = teams.slice(start, start + atOnce);
    for (const teamId of round) await push(teamId, EVENTS);
    await push(neighbour, 10);
    rounds++;
    try {
      await eventually(async () => {
        const stored = await countStored(database, [...round]);
        return stored === round.length * EVENTS;
      }, 180_000);
    } catch (error) {
      const stuck = [];
      for (const [index, teamId] of round.entries()) {
        if (await countStored(database, [teamId]) !== EVENTS) {
          stuck.push(attacks[start + index]?.name);
        }
      }
      await server.kill();
      throw new Error(`not stored: ${stuck.join("; ")}\n${server.output()}`, { cause: error });
    }
  }
  await eventually(async () => await countStored(database, [neighbour]) === rounds * 10);
  const outcomes = await Promise.all(
    attacks.map((attack, index) => outcomeOf(database, attack, teams[index] as number)),
  );
  const [unseen] = await database.query<{ count: number }>(
    `SELECT count(*)::int FROM posthog_event
     WHERE team_id = $1 AND (properties->>'seen') IS DISTINCT FROM 'true'`,
    [neighbour],
  );
  assert.equal(unseen?.count, 0, "the neighbour's events went through its plugin");
  assert.equal(await server.stop(), 0, server.output());
  await Deno.remove(baseDir, { recursive: true });
  const logs = await logsOf(database, teams);
  return outcomes.map((outcome, index) => ({ ...outcome, log: logs.get(teams[index] ?? 0) ?? "" }));
}

/** Holds an attack to its expectation. */
export function checkAttack({ attack, events, log }: AttackOutcome): void {
  const [before, during, after] = events;
  assert.deepEqual(events.map(({ number }) => number), [0, 1, 2], "all stored, once");
  const answer = during?.answer ?? "";
  const about = `${JSON.stringify(events)}\n${log}`;
  if (attack.expect === "harmless") return;
  assert.ok(before?.seen && after?.seen, `those around it were processed: ${about}`);
  if (attack.expect === "contained" && answer.startsWith("threw ")) return;
  if (attack.expect === "fails" || attack.expect === "contained") {
    assert.ok(during?.failed && !during.seen, `it was marked and left as it was: ${about}`);
    assert.notEqual(log, "", "its log says what happened");
  } else if (attack.expect === "refused") {
    assert.match(answer, /^(threw |returned (undefined|null|false)$)/, about);
  } else {
    assert.match(answer, attack.expect, about);
  }
}

/** One test with a step for each attack. */
export function testAttacks(
  title: string,
  attacks: readonly Attack[],
  options: Parameters<typeof runAttacks>[1] = {},
): void {
  Deno.test(title, async (t) => {
    for (const outcome of await runAttacks(attacks, options)) {
      await t.step(outcome.attack.name, () => checkAttack(outcome));
    }
  });
}

async function createTeams(database: Database, like: number, count: number): Promise<number[]> {
  const [columns] = await database.query<{ names: string }>(
    `SELECT string_agg(quote_ident(column_name), ', ') AS names FROM information_schema.columns
     WHERE table_name = 'posthog_team' AND column_name NOT IN ('id', 'api_token', 'uuid', 'name')`,
  );
  const rows = await database.query<{ id: number }>(
    `INSERT INTO posthog_team (api_token, uuid, name, ${columns?.names})
     SELECT 'attack ' || serial, gen_random_uuid(), 'Attack ' || serial, ${columns?.names}
     FROM posthog_team, generate_series(1, $2::int) AS serial WHERE id = $1 RETURNING id`,
    [like, count],
  );
  return rows.map(({ id }) => id);
}

async function countStored(database: Database, teams: readonly number[]): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    "SELECT count(*)::int FROM posthog_event WHERE team_id = ANY ($1::int[])",
    [teams],
  );
  return row?.count ?? 0;
}

async function outcomeOf(
  database: Database,
  attack: Attack,
  teamId: number,
): Promise<Omit<AttackOutcome, "log">> {
  const rows = await database.query<{ properties: Record<string, unknown> }>(
    `SELECT properties FROM posthog_event WHERE team_id = $1
     ORDER BY (properties->>'number')::int`,
    [teamId],
  );
  const events = rows.map(({ properties }) => ({
    number: properties.number as number,
    ...(properties.answer === undefined ? {} : { answer: String(properties.answer) }),
    seen: properties.seen === true,
    failed: Array.isArray(properties.$plugins_failed) && properties.$plugins_failed.length > 0,
  }));
  return { attack, events };
}

/** Read after the server's end, when every line is written. */
async function logsOf(
  database: Database,
  teams: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const rows = await database.query<{ team_id: number; log: string }>(
    `SELECT team_id, string_agg(message, E'\\n' ORDER BY timestamp) AS log
     FROM posthog_pluginlogentry WHERE team_id = ANY ($1::int[]) GROUP BY team_id`,
    [teams],
  );
  return new Map(rows.map((row) => [row.team_id, row.log]));
}
