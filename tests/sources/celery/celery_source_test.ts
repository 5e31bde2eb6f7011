import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { CelerySource } from "../../../src/sources/celery/celery_source.ts";
import { pushEvents } from "../../../src/sources/celery/producer.ts";
import { PaddockError } from "../../../src/errors.ts";
import { createTestQueue } from "../../services/redis_queue.ts";
import { startRedis } from "../../services/redis.ts";
import { eventually } from "../../services/eventually.ts";
import { freePort } from "../../services/free_port.ts";
import { rawEvent, testSourceConformance } from "../source_conformance.ts";

const LEASE_MS = 400;

testSourceConformance("celery", async () => {
  const test = await createTestQueue();
  return {
    leaseTtlMs: LEASE_MS,
    source: () => new CelerySource({ redisUrl: test.url, queue: test.queue, leaseTtlMs: LEASE_MS }),
    append: (events) => pushEvents(test.redis, test.queue, events),
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  };
});

Deno.test("celery: nothing is left in Redis when all is acknowledged", async () => {
  await using test = await createTestQueue();
  const source = new CelerySource({ redisUrl: test.url, queue: test.queue, leaseTtlMs: LEASE_MS });
  await source.open();
  await pushEvents(test.redis, test.queue, [rawEvent(1)]);
  const batch = await source.take({ items: 10, bytes: 1e6 }, AbortSignal.timeout(60_000));
  await batch?.ack();
  await source.close();
  assert.deepEqual(await test.redis.keys(`${test.queue}*`), []);
});

Deno.test("celery: released messages lie where the server before would take them", async () => {
  await using test = await createTestQueue();
  const source = new CelerySource({ redisUrl: test.url, queue: test.queue, leaseTtlMs: LEASE_MS });
  await source.open();
  await pushEvents(test.redis, test.queue, [rawEvent(1), rawEvent(2)]);
  const before = await test.redis.lrange(test.queue, 0, -1);
  const batch = await source.take({ items: 10, bytes: 1e6 }, AbortSignal.timeout(60_000));
  await batch?.release([0, 1]);
  await source.close();
  assert.deepEqual(await test.redis.lrange(test.queue, 0, -1), before);
});

Deno.test("celery: a Redis that is away is a retryable error, and works again when it is back", async () => {
  const directory = await Deno.makeTempDir();
  const port = freePort();
  const first = await startRedis({ directory, port, durable: true });
  const source = new CelerySource({ redisUrl: first.url, queue: "q", leaseTtlMs: 5_000 });
  await source.open();
  await first.kill();
  await assert.rejects(
    source.take({ items: 1, bytes: 1e6 }, AbortSignal.timeout(60_000)),
    (error: unknown) => error instanceof PaddockError && error.retryable,
  );
  await using second = await startRedis({ directory, port, durable: true });
  const client = new Redis(second.url);
  await pushEvents(client, "q", [rawEvent(9)]);
  client.disconnect();
  let taken = 0;
  for (let attempt = 0; attempt < 50 && taken === 0; attempt++) {
    try {
      const batch = await source.take({ items: 1, bytes: 1e6 }, AbortSignal.timeout(500));
      taken = batch?.items.length ?? 0;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  assert.equal(taken, 1);
  await source.close();
  await second.stop();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("celery: a Redis that is away is noticed though nothing is taken", async () => {
  const directory = await Deno.makeTempDir();
  const port = freePort();
  const first = await startRedis({ directory, port, durable: true });
  const source = new CelerySource({ redisUrl: first.url, queue: "q", leaseTtlMs: LEASE_MS });
  await source.open();
  assert.equal(source.unavailable, null);
  await first.kill();
  await eventually(() => source.unavailable !== null);
  assert.match(source.unavailable ?? "", /Redis \(REDIS_URL\)/);
  await using _second = await startRedis({ directory, port, durable: true });
  await eventually(() => source.unavailable === null);
  await source.close();
  await Deno.remove(directory, { recursive: true });
});
