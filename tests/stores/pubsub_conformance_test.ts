/** Notifications on Redis and on Postgres do the same, over a lost connection too. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { PubSub } from "../../src/stores/pubsub.ts";
import { PostgresPubSub } from "../../src/stores/postgres/pubsub.ts";
import { RedisPubSub } from "../../src/stores/redis/pubsub.ts";
import { createTestDatabase, serviceAddress } from "../services/database.ts";
import { freePort } from "../services/free_port.ts";
import { startRedis } from "../services/redis.ts";

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let wait = 0; wait < 200; wait++) {
    if (condition()) return;
    await sleep(25);
  }
  assert.fail(what);
}

/** @param breakConnections ends every connection that subscribers hold, from outside */
async function conforms(
  open: () => PubSub,
  breakConnections: () => Promise<void>,
): Promise<void> {
  const channel = `channel ${randomBytes(6).toString("hex")}`;
  const [publisher, subscriber] = [open(), open()];
  const [one, other]: [string[], string[]] = [[], []];
  const endOne = await subscriber.subscribe(channel, (payload) => one.push(payload));
  await subscriber.subscribe(channel, (payload) => other.push(payload));
  await subscriber.subscribe(`${channel} unrelated`, (payload) => {
    // Nothing but the word of a reconnect is for this one.
    assert.equal(payload, "");
  });
  await publisher.publish(channel, "first 🦔 'quoted'");
  await until(() => one.length === 1 && other.length === 1, "the first message");
  assert.deepEqual([one, other], [["first 🦔 'quoted'"], ["first 🦔 'quoted'"]]);
  await endOne();
  await publisher.publish(channel, "second");
  await until(() => other.length === 2, "the second message");
  assert.equal(one.length, 1);
  // After a reconnect subscribers are told that they may have missed something.
  other.length = 0;
  await breakConnections();
  await until(() => other.includes(""), "word of the reconnect");
  await publisher.publish(channel, "third");
  await until(() => other.includes("third"), "a message after the reconnect");
  await publisher.close();
  await subscriber.close();
}

Deno.test("notifications on Postgres", async () => {
  await using test = await createTestDatabase();
  await conforms(() => new PostgresPubSub(test.database), async () => {
    await test.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid()`,
    );
  });
});

Deno.test("notifications on Postgres are not larger than it takes", async () => {
  await using test = await createTestDatabase();
  const pubsub = new PostgresPubSub(test.database);
  await assert.rejects(pubsub.publish("x", "x".repeat(9_000)), /over 7999 bytes/);
  await pubsub.close();
});

Deno.test("notifications on Redis", async () => {
  const url = serviceAddress("PADDOCK_TEST_REDIS_URL");
  const admin = new Redis(url);
  await conforms(() => new RedisPubSub(url), async () => {
    const clients = String(await admin.client("LIST", "TYPE", "PUBSUB")).split("\n");
    for (const line of clients) {
      const id = /id=(\d+).*name=paddock-subscribe/.exec(line)?.[1];
      if (id !== undefined) await admin.client("KILL", "ID", id);
    }
  });
  admin.disconnect();
});

Deno.test("a Redis that comes later is listened to from then on", async () => {
  const directory = await Deno.makeTempDir();
  const port = freePort();
  const pubsub = new RedisPubSub(`redis://127.0.0.1:${port}`);
  const heard: string[] = [];
  await assert.rejects(pubsub.subscribe("late", (payload) => heard.push(payload)), /Redis/);
  const redis = await startRedis({ directory, port });
  await until(() => heard.includes(""), "word that something may have been missed");
  await pubsub.publish("late", "at last");
  await until(() => heard.includes("at last"), "the message");
  await pubsub.close();
  await redis.stop();
  await Deno.remove(directory, { recursive: true });
});
