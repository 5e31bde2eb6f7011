/** Events out of the Redis list that Celery's producers push into. */
import { randomUUID } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import type { Redis } from "ioredis";
import { errorMessage } from "../../errors.ts";
import { createRedis, redisUnavailable } from "../../stores/redis/connection.ts";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import { timed } from "../../telemetry/timed.ts";
import type { ReceivedBatch, Source, TakeLimit } from "../source.ts";
import { QueueLease } from "./lease.ts";
import { parseMessage } from "./message.ts";

export interface CelerySourceOptions {
  readonly redisUrl: string;
  readonly queue: string;
  /** Messages of a server that stopped for so long are taken over by others. */
  readonly leaseTtlMs: number;
  /** Told of each command. */
  readonly observer?: Observer;
}

/** That Redis is away is known after this at the latest, however long a lease lasts. */
const MOST_HEARTBEAT_MS = 2_000;
/** How long an idle take blocks, in seconds. */
const IDLE_SECONDS = 5;

export class CelerySource implements Source {
  readonly name: string;
  readonly #options: CelerySourceOptions;
  readonly #observer: Observer;
  readonly #redis: Redis;
  /** A connection of its own: the idle wait blocks it. */
  readonly #waiting: Redis;
  readonly #lease: QueueLease;
  readonly #log = getLogger(["paddock", "celery"]);
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #number = 1;
  #nextRecovery = 0;
  #hasBlockingMove = true;
  #unavailable: string | null = null;

  constructor(options: CelerySourceOptions) {
    this.name = `celery:${options.queue}`;
    this.#options = options;
    this.#observer = options.observer ?? NOBODY;
    this.#redis = createRedis({ url: options.redisUrl, name: "celery" });
    this.#waiting = createRedis({
      url: options.redisUrl,
      name: "celery-wait",
      commandTimeoutMs: 0,
    });
    this.#lease = new QueueLease(this.#redis, {
      queue: options.queue,
      server: randomUUID(),
      ttlMs: options.leaseTtlMs,
      observer: this.#observer,
    });
  }

  async open(): Promise<void> {
    try {
      await this.#redis.connect();
      await this.#lease.renew(this.#number);
    } catch (error) {
      throw redisUnavailable(error);
    }
    const everyMs = Math.min(this.#options.leaseTtlMs / 4, MOST_HEARTBEAT_MS);
    this.#heartbeat = setInterval(() => this.#renew(), everyMs);
  }

  /** Why the lease is not renewed, or null. */
  get unavailable(): string | null {
    return this.#unavailable;
  }

  async #renew(): Promise<void> {
    try {
      await this.#lease.renew(this.#number);
      this.#unavailable = null;
    } catch (error) {
      const { message } = redisUnavailable(error);
      if (this.#unavailable === null) this.#log.warn`the lease is not renewed: ${message}`;
      this.#unavailable = message;
    }
  }

  async take(limit: TakeLimit, signal: AbortSignal): Promise<ReceivedBatch | null> {
    try {
      if (performance.now() >= this.#nextRecovery) {
        const recovered = await this.#lease.recover(this.#number);
        if (recovered !== null) {
          this.#log.info`took over ${recovered.length} messages of a server that stopped`;
          return this.#batch(recovered);
        }
        this.#nextRecovery = performance.now() + this.#options.leaseTtlMs / 4;
      }
      let messages = await this.#lease.take(this.#number, limit);
      if (messages.length === 0 && !signal.aborted && await this.#arrival(signal)) {
        messages = await this.#lease.take(this.#number, limit);
      }
      return messages.length === 0 ? null : this.#batch(messages);
    } catch (error) {
      throw redisUnavailable(error);
    }
  }

  async depth(): Promise<number> {
    try {
      const { queue } = this.#options;
      return await timed(this.#observer, "redis", "llen", () => this.#redis.llen(queue));
    } catch (error) {
      throw redisUnavailable(error);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    try {
      // A message may have come into the lease that was to be filled next.
      const stray = await this.#redis.llen(this.#lease.key(this.#number));
      await this.#lease.release(this.#number, Array.from({ length: stray }, (_, index) => index));
      await this.#lease.leave();
    } catch (error) {
      this.#log.warn`leases are left to expire: ${errorMessage(error)}`;
    }
    this.#redis.disconnect();
    this.#waiting.disconnect();
  }

  #batch(messages: readonly string[]): ReceivedBatch {
    const number = this.#number++;
    const end = async (positions: readonly number[] = []) => {
      try {
        await this.#lease.release(number, positions);
      } catch (error) {
        throw redisUnavailable(error);
      }
    };
    return { items: messages.map(parseMessage), ack: () => end(), release: end };
  }

  /**
   * Waits for one message, which moves into the lease that is filled next; being indexed already, it
   * is found again whatever happens to this server. An idle server neither polls nor loses.
   */
  async #arrival(signal: AbortSignal): Promise<boolean> {
    const wait = new AbortController();
    const id = await this.#waiting.client("ID");
    const unblock = () => {
      this.#redis.client("UNBLOCK", id).catch(() => this.#waiting.disconnect(true));
    };
    signal.addEventListener("abort", unblock, { signal: wait.signal });
    if (signal.aborted) return false;
    try {
      return await this.#blockingMove(this.#lease.key(this.#number)) !== null;
    } finally {
      wait.abort();
    }
  }

  async #blockingMove(into: string): Promise<string | null> {
    const { queue } = this.#options;
    if (this.#hasBlockingMove) {
      try {
        return await this.#waiting.blmove(queue, into, "RIGHT", "LEFT", IDLE_SECONDS);
      } catch (error) {
        if (!/unknown command/i.test(errorMessage(error))) throw error;
        this.#hasBlockingMove = false;
      }
    }
    // Before Redis 6.2.
    return await this.#waiting.brpoplpush(queue, into, IDLE_SECONDS);
  }
}
