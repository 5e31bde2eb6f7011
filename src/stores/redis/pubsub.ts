import type { Redis } from "ioredis";
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import type { PubSub } from "../pubsub.ts";
import { createRedis, redisUnavailable } from "./connection.ts";

/**
 * Redis pub/sub. Subscribing takes a connection of its own. After a lost connection, and where Redis
 * was not there to begin with, everything is subscribed to as soon as it answers.
 */
export class RedisPubSub implements PubSub {
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  readonly #handlers = new Map<string, Set<(payload: string) => void>>();
  readonly #log = getLogger(["paddock", "pubsub"]);
  #wasReady = false;
  /** Somebody subscribed when there was no Redis. */
  #missedFirst = false;

  constructor(url: string) {
    this.#publisher = createRedis({ url, name: "publish" });
    this.#subscriber = createRedis({ url, name: "subscribe", commandTimeoutMs: 0 });
    this.#subscriber.on("message", (channel: string, payload: string) => {
      for (const handler of this.#handlers.get(channel) ?? []) handler(payload);
    });
    this.#subscriber.on("ready", () => this.#resubscribe());
  }

  async subscribe(
    channel: string,
    onMessage: (payload: string) => void,
  ): Promise<() => Promise<void>> {
    const handlers = this.#handlers.get(channel) ?? new Set();
    const first = handlers.size === 0;
    handlers.add(onMessage);
    this.#handlers.set(channel, handlers);
    try {
      if (first) await this.#subscriber.subscribe(channel);
    } catch (error) {
      this.#missedFirst = true;
      throw redisUnavailable(error);
    }
    return async () => {
      handlers.delete(onMessage);
      if (handlers.size > 0) return;
      this.#handlers.delete(channel);
      if (this.#subscriber.status === "ready") await this.#subscriber.unsubscribe(channel);
    };
  }

  /** Whatever was said meanwhile was missed, which an empty message tells. */
  async #resubscribe(): Promise<void> {
    const isFirst = !this.#wasReady;
    this.#wasReady = true;
    const channels = [...this.#handlers.keys()];
    if (channels.length === 0) return;
    try {
      await this.#subscriber.subscribe(...channels);
    } catch (error) {
      // The connection went again; the next one is told of in the same way.
      this.#log.debug`not subscribed: ${errorMessage(error)}`;
      return;
    }
    if (isFirst && !this.#missedFirst) return;
    for (const handlers of this.#handlers.values()) for (const handler of handlers) handler("");
  }

  async publish(channel: string, payload: string): Promise<void> {
    try {
      await this.#publisher.publish(channel, payload);
    } catch (error) {
      throw redisUnavailable(error);
    }
  }

  close(): Promise<void> {
    this.#publisher.disconnect();
    this.#subscriber.disconnect();
    return Promise.resolve();
  }
}
