import { getLogger } from "@logtape/logtape";
import { Redis } from "ioredis";
import { errorMessage, PaddockError } from "../../errors.ts";

export interface RedisConnectionOptions {
  readonly url: string;
  /** What the connection is for: shown in CLIENT LIST and in the log. */
  readonly name: string;
  /** Milliseconds after which a command without an answer fails; 0 for connections that block. */
  readonly commandTimeoutMs?: number;
}

const LONGEST_RECONNECT_MS = 2_000;

/**
 * A connection that reconnects by itself for as long as it takes. A command that meets it down fails
 * after one reconnect instead of waiting for ever: what waits, and how long, is the pipeline's
 * decision. Not connected until the first command or `connect()`.
 */
export function createRedis(options: RedisConnectionOptions): Redis {
  const log = getLogger(["paddock", "redis"]);
  const { url, name, commandTimeoutMs = 10_000 } = options;
  const redis = new Redis(url, {
    lazyConnect: true,
    connectionName: `paddock-${name}`,
    connectTimeout: 5_000,
    maxRetriesPerRequest: 1,
    retryStrategy: (attempt: number) => Math.min(attempt * 50, LONGEST_RECONNECT_MS),
    ...(commandTimeoutMs > 0 ? { commandTimeout: commandTimeoutMs } : {}),
  });
  let down = false;
  redis.on("error", (error: Error) => {
    if (!down) log.warn`${name}: connection lost: ${error.message}`;
    down = true;
  });
  redis.on("ready", () => {
    if (down) log.info`${name}: connected again`;
    down = false;
  });
  return redis;
}

/** Every error of a Redis command as a retryable one: there is none that a message could cause. */
export function redisUnavailable(error: unknown): PaddockError {
  if (error instanceof PaddockError) return error;
  const isDown = error instanceof Error && error.name === "MaxRetriesPerRequestError";
  const reason = isDown ? "it cannot be reached" : errorMessage(error);
  return new PaddockError("PDK_REDIS_UNAVAILABLE", `Redis (REDIS_URL): ${reason}`, {
    cause: error,
  });
}
