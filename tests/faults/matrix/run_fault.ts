/** One fault under load: what was sent, what came of it, and what the server said meanwhile. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createArena, type Databases } from "./arena.ts";
import type { Fault, FaultTimes } from "./faults.ts";
import { type HealthSample, watchHealth } from "./health_watch.ts";
import { type SourceName, startLoad } from "./load.ts";
import { checkPeople, checkRest, outcomes, type SourceOutcome, untilStored } from "./outcome.ts";

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

/** A fault does not end at one moment: what it held up may be well again a little sooner. */
const ENDING_MS = 500;
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
      const striking = performance.now();
      const began = await fault.strike(arena, random, times) ?? striking;
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
    return { sources: await outcomes(arena.database, load.accepted), recoveries };
  } catch (error) {
    const said = arena.servers.map((server) => server.output().slice(-4_000)).join("\n---\n");
    throw new Error(`${name}: ${error}\n${said}`, { cause: error });
  } finally {
    // Where it failed, that was said above.
    await load.end().catch(() => {});
    await health.stop();
  }
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

function checkHealth(
  fault: Fault,
  samples: readonly HealthSample[],
  { began, ended }: { readonly began: number; readonly ended: number },
): void {
  const during = samples.filter(({ askedAt, answeredAt }) =>
    askedAt > began + fault.noticedAfterMs && answeredAt < ended - ENDING_MS
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
    `health: ${wrong.length} of ${during.length}, from ${
      Math.round((wrong[0]?.askedAt ?? 0) - began)
    } to ${Math.round((wrong.at(-1)?.askedAt ?? 0) - began)} ms of ${Math.round(ended - began)}: ` +
      JSON.stringify(wrong.slice(0, 5)),
  );
}
