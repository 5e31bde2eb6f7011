import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { serviceAddress } from "./database.ts";

/** A queue name of its own on the test Redis, and a connection to look at it. */
export interface TestQueue extends AsyncDisposable {
  readonly url: string;
  readonly queue: string;
  readonly redis: Redis;
}

/** Disposing deletes every key that begins with the queue's name. */
export async function createTestQueue(): Promise<TestQueue> {
  const url = serviceAddress("PADDOCK_TEST_REDIS_URL");
  const queue = `test-${randomBytes(6).toString("hex")}`;
  const redis = new Redis(url, { lazyConnect: true });
  await redis.connect();
  return {
    url,
    queue,
    redis,
    async [Symbol.asyncDispose]() {
      const keys = await redis.keys(`${queue}*`);
      if (keys.length > 0) await redis.del(...keys);
      redis.disconnect();
    },
  };
}
