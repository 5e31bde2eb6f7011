/** One fault under load: what was sent, what came of it, and what the server said meanwhile. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "../../../src/events/types.ts";
import type { Database } from "../../../src/stores/postgres/database.ts";
import { type Arena, createArena, type Databases } from "./arena.ts";
import type { Fault, FaultTimes } from "./faults.ts";
import { type HealthSample, watchHealth } from "./health_watch.ts";
import { type SourceName, SOURCES, startLoad, visitorOf } from "./load.ts";

/** What became of what one source sent. */
export interface SourceOutcome {
  readonly sent: number;
  readonly lost: number;
  readonly duplicated: number;
}

/** One fault's course. */
export interface Recovery {
  readonly lastedMs: number;
  /** From its end until all that was accepted by then was stored. */
  readonly afterMs: Readonly<Record<SourceName, number>>;
}

export interface Outcome {
  readonly sources: Readonly<Record<SourceName, SourceOutcome>>;
  /** In the order of the faults. */
  readonly recoveries: readonly Recovery[];
}

/** Long enough for every lease and timeout; if all is well nobody waits for it. */
const PATIENCE_MS = 120_000;
/** A server that is well again says so within this. */
const WELL_AGAIN_MS = 30_000;

/**
 * Lets faults strike one after the other, each once all is well again.
 * @throws Error with what the servers said, where anything but the numbers of the outcome is wrong
 */
export async function runFaults(
  faults: readonly Fault[],
  databases: Databases,
  directory: string,
  random: () => number,
  times: FaultTimes,
): Promise<Outcome> {
  await using arena = await createArena(databases, directory);
  await arena.startServer();
  const load = startLoad({
    ...arena,
    addresses: () => arena.servers.map(({ address }) => address),
  });
  const health = watchHealth(() => arena.servers[0]?.address ?? "");
  let name = "";
  try {
    const recoveries: Recovery[] = [];
    for (const fault of faults) {
      name = fault.name;
      while (arena.servers.length < fault.servers) await arena.startServer();
      await sleep(500 + random() * 1_000);
      await untilWell(health.samples);
      const began = performance.now();
      await fault.strike(arena, random, times);
      const ended = performance.now();
      const before = { http: new Set(load.accepted.http), celery: new Set(load.accepted.celery) };
      const stored = await untilStored(arena, before);
      await untilWell(health.samples);
      checkHealth(fault, health.samples, { began, ended });
      recoveries.push({
        lastedMs: ended - began,
        afterMs: { http: stored.http - ended, celery: stored.celery - ended },
      });
    }
    await load.end();
    await untilStored(arena, load.accepted);
    await checkRest(arena);
    await checkPeople(arena.database, load.accepted);
    const sources = {
      http: await outcomeOf(arena.database, "http", load.accepted.http),
      celery: await outcomeOf(arena.database, "celery", load.accepted.celery),
    };
    return { sources, recoveries };
  } catch (error) {
    const said = arena.servers.map((server) => server.output().slice(-4_000)).join("\n---\n");
    throw new Error(`${name}: ${error}\n${said}`, { cause: error });
  } finally {
    await load.end();
    await health.stop();
  }
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
async function untilStored(
  arena: Arena,
  accepted: Readonly<Record<SourceName, ReadonlySet<number>>>,
): Promise<Record<SourceName, number>> {
  const at: Partial<Record<SourceName, number>> = {};
  const end = performance.now() + PATIENCE_MS;
  while (at.http === undefined || at.celery === undefined) {
    for (const source of SOURCES) {
      if (at[source] !== undefined) continue;
      const stored = await storedTimes(arena.database, source);
      const missing = [...accepted[source]].filter((number) => !stored.has(number));
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

async function untilWell(samples: readonly HealthSample[]): Promise<void> {
  const end = performance.now() + WELL_AGAIN_MS;
  // Asked from here on.
  const { length } = samples;
  while (samples.length === length || samples.at(-1)?.status !== 200) {
    assert.ok(
      performance.now() < end,
      `not well again: ${JSON.stringify(samples.at(-1))}`,
    );
    await sleep(100);
  }
}

/** Nothing is left over in any queue, and nothing became a dead letter. */
async function checkRest(arena: Arena): Promise<void> {
  const [rest] = await arena.database.query<{ inbox: number; letters: number }>(
    `SELECT (SELECT count(*)::int FROM paddock.inbox) AS inbox,
       (SELECT count(*)::int FROM paddock.dead_letter) AS letters`,
  );
  assert.equal(rest?.letters, 0, "dead letters");
  const end = performance.now() + WELL_AGAIN_MS;
  while (true) {
    const [row] = await arena.database.query<{ inbox: number }>(
      "SELECT count(*)::int AS inbox FROM paddock.inbox",
    );
    if (row?.inbox === 0 && await arena.redis.llen(arena.queue) === 0) return;
    assert.ok(performance.now() < end, `left in the queue: ${row?.inbox}`);
    await sleep(50);
  }
}

function checkHealth(
  fault: Fault,
  samples: readonly HealthSample[],
  { began, ended }: { readonly began: number; readonly ended: number },
): void {
  const during = samples.filter(({ askedAt, answeredAt }) =>
    askedAt > began + fault.noticedAfterMs && answeredAt < ended
  );
  const wrong = during.filter(({ status, complaints }) => {
    switch (fault.health) {
      case "well":
        return status !== 200;
      case "silent":
        return status !== null;
      case "store":
        return status !== 503 || complaints.store === undefined;
      case "celery":
        return status !== 503 || !Object.keys(complaints).some((part) => part.startsWith("celery"));
    }
    return true;
  });
  assert.equal(
    wrong.length,
    0,
    `health: ${wrong.length} of ${during.length}: ${JSON.stringify(wrong.slice(0, 5))}`,
  );
}

/** Every visitor is one person, with what each of its events said. */
async function checkPeople(
  database: Database,
  accepted: Readonly<Record<SourceName, ReadonlySet<number>>>,
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
    const visitors = row.ids.filter((id) => id.includes("visitor"));
    assert.equal(visitors.length, 1, `person ${row.person} has ${visitors.length} visitors`);
    people.set(visitors[0] as string, row);
  }
  const { length: persons } = await database.query("SELECT id FROM posthog_person");
  assert.equal(persons, wanted.size, "people without a distinct id, or too many");
  for (const [visitor, marks] of wanted) {
    const properties = people.get(visitor)?.properties ?? {};
    const missing = [...marks].filter((mark) => properties[mark] !== true);
    assert.deepEqual(missing, [], `${visitor} lacks what events said`);
  }
}
