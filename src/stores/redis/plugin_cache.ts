import type { ChainableCommander, Redis } from "ioredis";
import { errorMessage } from "../../errors.ts";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import type { CacheCommand, CacheResult, PluginCache } from "../plugin_cache.ts";
import { createRedis, redisUnavailable } from "./connection.ts";

/** The plugin cache of the server before: the same Redis keys and commands. */
export class RedisPluginCache implements PluginCache {
  readonly #redis: Redis;
  readonly #observer: Observer;

  /** @param observer told of each kind of command once per pipeline */
  constructor(url: string, observer: Observer = NOBODY) {
    this.#observer = observer;
    this.#redis = createRedis({ url, name: "cache" });
  }

  async execute(commands: readonly CacheCommand[]): Promise<CacheResult[]> {
    if (commands.length === 0) return [];
    const began = performance.now();
    const pipeline = this.#redis.pipeline();
    for (const command of commands) append(pipeline, command);
    let replies: [Error | null, unknown][] | null;
    try {
      replies = await pipeline.exec() as [Error | null, unknown][] | null;
    } catch (error) {
      throw redisUnavailable(error);
    }
    const ms = performance.now() - began;
    for (const op of new Set(commands.map(({ op }) => op))) {
      this.#observer.queried("redis", op, ms, replies === null);
    }
    if (replies === null) throw redisUnavailable("no reply");
    // One that Redis itself refused is its caller's; any other means that the connection is gone.
    const broken = replies.find(([error]) => error !== null && error.name !== "ReplyError");
    if (broken !== undefined) throw redisUnavailable(broken[0]);
    return replies.map(([error, value]) =>
      error === null
        ? { ok: true, value: value as string | number | string[] | null }
        : { ok: false, error: errorMessage(error) }
    );
  }

  close(): Promise<void> {
    this.#redis.disconnect();
    return Promise.resolve();
  }
}

function append(pipeline: ChainableCommander, command: CacheCommand): void {
  const { key } = command;
  switch (command.op) {
    case "get":
      pipeline.get(key);
      break;
    case "incr":
      pipeline.incr(key);
      break;
    case "llen":
      pipeline.llen(key);
      break;
    case "set":
      if (command.ttlSeconds === null) pipeline.set(key, command.value);
      else pipeline.set(key, command.value, "EX", command.ttlSeconds);
      break;
    case "expire":
      pipeline.expire(key, command.ttlSeconds);
      break;
    case "lpush":
      pipeline.lpush(key, ...command.values);
      break;
    case "lrange":
      pipeline.lrange(key, command.start, command.stop);
      break;
    case "lrem":
      pipeline.lrem(key, command.count, command.value);
      break;
    case "lpop":
      pipeline.lpop(key, command.count);
      break;
  }
}
