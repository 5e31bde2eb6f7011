import { ParkedSource } from "../../../src/sources/parked/parked_source.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import { Wakeups } from "../../../src/pipeline/wakeups.ts";
import { PostgresParking } from "../../../src/stores/postgres/parking/parking.ts";
import { createTestDatabase } from "../../services/database.ts";
import { testSourceConformance } from "../source_conformance.ts";

const LEASE_MS = 400;
const TEAM = 1;

testSourceConformance("parked", async () => {
  const test = await createTestDatabase();
  await migrate(test.database);
  const parking = new PostgresParking(test.database);
  const changes = new Wakeups();
  // One lane that always has room; the real ones are in tests/pipeline/lanes_test.ts.
  const lanes = {
    room: () => new Map([[TEAM, Infinity]]),
    slowDown: () => {},
    serial: () => 0,
    drained: () => {},
    changed: (signal: AbortSignal) => changes.wait(signal),
  };
  return {
    leaseTtlMs: LEASE_MS,
    source: () => new ParkedSource(parking, lanes, { leaseTtlMs: LEASE_MS, eventsPerRow: 1 }),
    append: async (events) => {
      await parking.append([{ teamId: TEAM, events }]);
      changes.wake();
    },
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
});
