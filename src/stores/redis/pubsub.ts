import type { Redis } from "ioredis";
import type { PubSub } from "../pubsub.ts";
import { createRedis, redisUnavailable } from "./connection.ts";

/** Redis pub/sub. Subscribing takes a connection of its own; ioredis subscribes again by itself. */
export class RedisPubSub implements PubSub {
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  readonly #handlers = new Map<string, Set<(payload: string) => void>>();

  constructor(url: string) {
    this.#publisher = createRedis({ url, name: "publish" });
    this.#subscriber = createRedis({ url, name: "subscribe", commandTimeoutMs: 0 });
    this.#subscriber.on("message", (channel: string, payload: string) => {
      for (const handler of this.#handlers.get(channel) ?? []) handler(payload);
    });
    let readyBefore = false;
    this.#subscriber.on("ready", () => {
      if (readyBefore) {
        for (const handlers of this.#handlers.values()) {
          for (const handler of handlers) handler("");
        }
      }
      readyBefore = true;
    });
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
      throw redisUnavailable(error);
    }
    return async () => {
      handlers.delete(onMessage);
      if (handlers.size > 0) return;
      this.#handlers.delete(channel);
      if (this.#subscriber.status === "ready") await this.#subscriber.unsubscribe(channel);
    };
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
