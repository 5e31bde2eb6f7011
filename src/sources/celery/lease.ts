/** Messages of a Redis list, leased to one server: the scripts, and the keys they work on. */
import type { Redis } from "ioredis";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import { timed } from "../../telemetry/timed.ts";
import type { TakeLimit } from "../source.ts";
import recoverScript from "./recover.lua" with { type: "text" };
import releaseScript from "./release.lua" with { type: "text" };
import takeScript from "./take.lua" with { type: "text" };

export interface QueueLeaseOptions {
  readonly queue: string;
  /** Unique to this run of this server. */
  readonly server: string;
  readonly ttlMs: number;
  readonly observer?: Observer;
}

/** The commands that the scripts become on a connection. */
interface ScriptedRedis extends Redis {
  paddockTake(...args: (string | number)[]): Promise<string[]>;
  paddockRelease(...args: (string | number)[]): Promise<number>;
  paddockRecover(...args: (string | number)[]): Promise<string[] | null>;
}

/**
 * Every message that is taken lies in a list `<queue>:paddock:<server>:<number>` until it is
 * acknowledged; `<queue>:paddock:<server>` indexes those lists and `<queue>:paddock` says until when
 * each server is believed alive, by Redis's own clock.
 */
export class QueueLease {
  readonly #redis: ScriptedRedis;
  readonly #options: QueueLeaseOptions;
  readonly #observer: Observer;

  constructor(redis: Redis, options: QueueLeaseOptions) {
    redis.defineCommand("paddockTake", { numberOfKeys: 4, lua: takeScript });
    redis.defineCommand("paddockRelease", { numberOfKeys: 3, lua: releaseScript });
    redis.defineCommand("paddockRecover", { numberOfKeys: 3, lua: recoverScript });
    this.#redis = redis as ScriptedRedis;
    this.#options = options;
    this.#observer = options.observer ?? NOBODY;
  }

  /** The list that lease `number` is. */
  key(number: number): string {
    return `${this.#index}:${number}`;
  }

  /** Fills lease `number` from the queue, oldest first, in one round trip. */
  async take(number: number, limit: TakeLimit): Promise<string[]> {
    const { queue, server, ttlMs } = this.#options;
    return await this.#timed("take", () =>
      this.#redis.paddockTake(
        ...[queue, this.key(number), this.#registry, this.#index],
        ...[server, number, limit.items, limit.bytes, ttlMs],
      ));
  }

  /** Makes the oldest lease of a dead server lease `number` of this one; null when there is none. */
  async recover(number: number): Promise<string[] | null> {
    const { server, ttlMs } = this.#options;
    return await this.#timed("recover", () =>
      this.#redis.paddockRecover(
        ...[this.#registry, this.key(number), this.#index],
        ...[server, number, `${this.#registry}:`, ttlMs],
      ));
  }

  /** Ends a lease; what stands at `positions` goes back to the queue. */
  async release(number: number, positions: readonly number[] = []): Promise<void> {
    const { queue } = this.#options;
    await this.#timed("release", () =>
      this.#redis.paddockRelease(
        ...[queue, this.key(number), this.#index],
        ...[number, ...positions],
      ));
  }

  /** Says that this server lives, and that `number` is the lease it fills next. */
  async renew(number: number): Promise<void> {
    const { server, ttlMs } = this.#options;
    await this.#timed("renew", async () => {
      const [seconds, micros] = await this.#redis.time();
      const now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
      await this.#redis.multi()
        .zadd(this.#registry, now + ttlMs, server)
        .zadd(this.#index, number, String(number))
        .exec();
    });
  }

  /** Nothing is leased any more: others need not wait for the expiry. */
  async leave(): Promise<void> {
    const open = await this.#redis.zcard(this.#index);
    if (open === 0) await this.#redis.zrem(this.#registry, this.#options.server);
  }

  #timed<T>(tag: string, ask: () => Promise<T>): Promise<T> {
    return timed(this.#observer, "redis", tag, ask);
  }

  get #registry(): string {
    return `${this.#options.queue}:paddock`;
  }

  get #index(): string {
    return `${this.#registry}:${this.#options.server}`;
  }
}
