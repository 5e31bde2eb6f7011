import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import type { Lease, LeaseStore } from "../lease.ts";
import { createRedis, redisUnavailable } from "./connection.ts";

const RENEW = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`;

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/**
 * Leases on one Redis, by the protocol of Redlock: a random value under the name, set only if it is
 * absent, with a ttl. The server before does the same, so that the two exclude each other.
 */
export class RedisLeaseStore implements LeaseStore {
  readonly #redis: Redis;

  constructor(url: string) {
    this.#redis = createRedis({ url, name: "leases" });
  }

  async acquire(name: string, ttlMs: number): Promise<Lease | null> {
    const owner = randomBytes(16).toString("hex");
    const run = async (script: string, ...values: (string | number)[]) => {
      try {
        return await this.#redis.eval(script, 1, name, owner, ...values) === 1;
      } catch (error) {
        throw redisUnavailable(error);
      }
    };
    try {
      if (await this.#redis.set(name, owner, "PX", ttlMs, "NX") !== "OK") return null;
    } catch (error) {
      throw redisUnavailable(error);
    }
    return {
      renew: () => run(RENEW, ttlMs),
      release: async () => {
        await run(RELEASE);
      },
    };
  }

  close(): Promise<void> {
    this.#redis.disconnect();
    return Promise.resolve();
  }
}
