import type { Config } from "../config/config.ts";
import { redisUrl } from "../config/connections.ts";
import { chooseStorage } from "../config/storage_choice.ts";
import { errorMessage } from "../errors.ts";
import type { HealthReport } from "../health.ts";
import { createRedis, redisUnavailable } from "../stores/redis/connection.ts";
import { PING_KEY } from "../stores/redis/liveness.ts";

/** How long any of it may take. */
const TIMEOUT_MS = 5_000;

/** Older pings are those of a server that stopped. */
const MAX_PING_AGE_MS = 60_000;

/**
 * Whether a server with this configuration is well: by the key it keeps in Redis, where there is
 * one, else by asking it over HTTP. Says what it found; the exit code is 0 or 1. Never hangs.
 */
export async function healthcheck(config: Config): Promise<number> {
  const finding = await Promise.race([find(config), giveUp()]);
  if (finding.healthy) console.log(finding.text);
  else console.error(finding.text);
  return finding.healthy ? 0 : 1;
}

interface Finding {
  readonly healthy: boolean;
  readonly text: string;
}

async function find(config: Config): Promise<Finding> {
  try {
    const baseDir = config.BASE_DIR ?? ".";
    const storage = await chooseStorage({ baseDir, explicit: config.explicit });
    const redis = storage === "embedded" ? null : redisUrl(config);
    return redis === null ? await askServer(config) : await lookAtPing(redis);
  } catch (error) {
    return { healthy: false, text: `unhealthy: ${errorMessage(error)}` };
  }
}

async function lookAtPing(url: string): Promise<Finding> {
  const redis = createRedis({ url, name: "healthcheck", commandTimeoutMs: TIMEOUT_MS });
  try {
    const ping = await redis.get(PING_KEY).catch((error) => {
      throw redisUnavailable(error);
    });
    if (!ping) {
      return { healthy: false, text: `unhealthy: Redis has no ${PING_KEY}: no server runs` };
    }
    const age = Date.now() - Date.parse(ping);
    return age < MAX_PING_AGE_MS
      ? { healthy: true, text: `healthy: last ping ${ping}` }
      : { healthy: false, text: `unhealthy: last ping ${ping}` };
  } finally {
    redis.disconnect();
  }
}

async function askServer(config: Config): Promise<Finding> {
  const host = config.HTTP_HOST === "0.0.0.0" ? "127.0.0.1" : config.HTTP_HOST;
  const url = `http://${host}:${config.HTTP_PORT}/_ready`;
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    return { healthy: false, text: `unhealthy: nothing answers at ${url}` };
  }
  const { parts = {} } = await response.json() as Partial<HealthReport>;
  const unwell = Object.entries(parts).filter(([, { isWell, isNeeded }]) => isNeeded && !isWell)
    .map(([part, { reason, since }]) => `${part}: ${reason} (since ${since})`);
  return response.status === 200
    ? { healthy: true, text: `healthy: ${url} answers` }
    : { healthy: false, text: `unhealthy: ${unwell.join("; ") || `${url}: ${response.status}`}` };
}

function giveUp(): Promise<Finding> {
  return new Promise((resolve) => {
    const finding = { healthy: false, text: `unhealthy: no answer within ${TIMEOUT_MS / 1000} s` };
    Deno.unrefTimer(setTimeout(() => resolve(finding), TIMEOUT_MS));
  });
}
