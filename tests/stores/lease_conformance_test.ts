/** Leases on Redis and on Postgres do the same. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { LeaseStore } from "../../src/stores/lease.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { PostgresLeaseStore } from "../../src/stores/postgres/lease.ts";
import { RedisLeaseStore } from "../../src/stores/redis/lease.ts";
import { createTestDatabase, serviceAddress } from "../services/database.ts";

async function conforms(store: LeaseStore): Promise<void> {
  const name = `lease ${randomBytes(6).toString("hex")}`;
  // Of many at once one gets it.
  const attempts = await Promise.all(Array.from({ length: 10 }, () => store.acquire(name, 60_000)));
  const held = attempts.filter((lease) => lease !== null);
  assert.equal(held.length, 1);
  assert.equal(await held[0]?.renew(), true);
  assert.notEqual(await store.acquire(`${name} other`, 1_000), null);
  await held[0]?.release();
  assert.equal(await held[0]?.renew(), false);

  // One that is not renewed is lost, to whoever comes first; its late words change nothing.
  const lost = await store.acquire(name, 150);
  assert.equal(await store.acquire(name, 150), null);
  await sleep(300);
  const heir = await store.acquire(name, 60_000);
  assert.ok(heir !== null);
  assert.equal(await lost?.renew(), false);
  await lost?.release();
  assert.equal(await store.acquire(name, 150), null);
  await heir.release();

  // One that is renewed is not.
  const renewed = await store.acquire(name, 400);
  for (let times = 0; times < 4; times++) {
    await sleep(150);
    assert.equal(await renewed?.renew(), true);
  }
  assert.equal(await store.acquire(name, 150), null);
  await renewed?.release();
  await store.close();
}

Deno.test("leases on Redis", async () => {
  await conforms(new RedisLeaseStore(serviceAddress("PADDOCK_TEST_REDIS_URL")));
});

Deno.test("leases on Postgres", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  await conforms(new PostgresLeaseStore(test.database));
});
