/** What became of a load: all of it stored, once, nothing left over, and everybody one person. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "../../../src/events/types.ts";
import { type Database, isTransient } from "../../../src/stores/postgres/database.ts";
import type { Arena } from "./arena.ts";
import { type SourceName, SOURCES, visitorOf } from "./load.ts";

/** Numbers that were accepted, by source. */
export type Accepted = Readonly<Record<SourceName, ReadonlySet<number>>>;

/** What became of what one source sent. */
export interface SourceOutcome {
  readonly sent: number;
  readonly lost: number;
  readonly duplicated: number;
}

/** Without another event stored: long enough for every lease and timeout, and nobody waits for it if all is well. */
const PATIENCE_MS = 120_000;
/** Queues are empty again within this. */
const AT_REST_MS = 30_000;

/** Of both sources. */
export async function outcomes(
  database: Database,
  accepted: Accepted,
): Promise<Record<SourceName, SourceOutcome>> {
  return {
    http: await outcomeOf(database, "http", accepted.http),
    celery: await outcomeOf(database, "celery", accepted.celery),
  };
}

async function outcomeOf(
  database: Database,
  source: SourceName,
  accepted: ReadonlySet<number>,
): Promise<SourceOutcome> {
  const stored = await storedTimes(database, source);
  return {
    sent: accepted.size,
    lost: [...accepted].filter((number) => !stored.has(number)).length,
    duplicated: [...stored.values()].filter((times) => times > 1).length,
  };
}

async function storedTimes(
  database: Database,
  source: SourceName,
): Promise<Map<number, number>> {
  const rows = await database.query<{ number: number; times: number }>(
    `SELECT (properties->>'number')::int AS number, count(*)::int AS times
     FROM posthog_event WHERE properties->>'source' = $1 GROUP BY 1`,
    [source],
  );
  return new Map(rows.map(({ number, times }) => [number, times]));
}

/** When all of each source's numbers were stored, by `performance.now()`. */
export async function untilStored(
  arena: Arena,
  accepted: Accepted,
): Promise<Record<SourceName, number>> {
  const at: Partial<Record<SourceName, number>> = {};
  let end = performance.now() + PATIENCE_MS;
  const left: Partial<Record<SourceName, number>> = {};
  while (at.http === undefined || at.celery === undefined) {
    for (const source of SOURCES) {
      if (at[source] !== undefined) continue;
      const stored = await storedTimes(arena.database, source).catch((error) => {
        // The fault may not be over for us either.
        if (isTransient(error)) return new Map<number, number>();
        throw error;
      });
      const missing = [...accepted[source]].filter((number) => !stored.has(number));
      if (missing.length < (left[source] ?? Infinity)) end = performance.now() + PATIENCE_MS;
      left[source] = missing.length;
      if (missing.length === 0) at[source] = performance.now();
      else if (performance.now() > end) {
        const letters = await arena.database.query<{ reason: string }>(
          "SELECT reason FROM paddock.dead_letter LIMIT 3",
        );
        throw new Error(
          `${missing.length} events of ${source} are missing, among them ${missing.slice(0, 5)}; ` +
            `dead letters: ${JSON.stringify(letters)}`,
        );
      }
    }
    await sleep(50);
  }
  return at as Record<SourceName, number>;
}

/** Nothing is left over in any queue, and nothing became a dead letter. */
export async function checkRest(arena: Arena): Promise<void> {
  const [rest] = await arena.database.query<{ inbox: number; letters: number }>(
    `SELECT (SELECT count(*)::int FROM paddock.inbox) AS inbox,
       (SELECT count(*)::int FROM paddock.dead_letter) AS letters`,
  );
  assert.equal(rest?.letters, 0, "dead letters");
  const end = performance.now() + AT_REST_MS;
  while (true) {
    const [row] = await arena.database.query<{ inbox: number }>(
      "SELECT count(*)::int AS inbox FROM paddock.inbox",
    );
    if (row?.inbox === 0 && await arena.redis.llen(arena.queue) === 0) return;
    assert.ok(performance.now() < end, `left in the queue: ${row?.inbox}`);
    await sleep(50);
  }
}

/**
 * Every visitor is one person, with what each of its events said.
 * @param others distinct ids of people who are no visitors
 */
export async function checkPeople(
  database: Database,
  accepted: Accepted,
  others: readonly string[] = [],
): Promise<void> {
  const wanted = new Map<string, Set<string>>();
  for (const source of SOURCES) {
    for (const number of accepted[source]) {
      const visitor = visitorOf(source, number);
      const marks = wanted.get(visitor) ?? new Set();
      marks.add(`seen_${number}`);
      wanted.set(visitor, marks);
    }
  }
  const rows = await database.query<{ person: number; ids: string[]; properties: JsonObject }>(
    `SELECT person.id AS person, array_agg(held.distinct_id) AS ids, person.properties
     FROM posthog_person AS person
     JOIN posthog_persondistinctid AS held ON held.person_id = person.id GROUP BY person.id`,
  );
  const people = new Map<string, typeof rows[number]>();
  for (const row of rows) {
    if (row.ids.some((id) => others.includes(id))) continue;
    const visitors = row.ids.filter((id) => id.includes("visitor"));
    assert.equal(visitors.length, 1, `person ${row.person} has ${visitors.length} visitors`);
    people.set(visitors[0] as string, row);
  }
  const { length: persons } = await database.query("SELECT id FROM posthog_person");
  assert.equal(persons, wanted.size + others.length, "people without a distinct id, or too many");
  for (const [visitor, marks] of wanted) {
    const properties = people.get(visitor)?.properties ?? {};
    const missing = [...marks].filter((mark) => properties[mark] !== true);
    assert.deepEqual(missing, [], `${visitor} lacks what events said`);
  }
}
