import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import { createRedis } from "./connection.ts";

/** What PostHog's application looks at to see whether its plugin server lives. */
export const PING_KEY = "@posthog-plugin-server/ping";
const VERSION_KEY = "@posthog-plugin-server/version";
const JOB_QUEUES_KEY = "@posthog-plugin-server/enabled-job-queues";

const PING_MS = 5_000;
const PING_EXPIRES_SECONDS = 60;

/** Writes the keys now and every five seconds. Returns what ends that. */
export function startLivenessKeys(
  url: string,
  version: string,
  jobQueues: readonly string[],
): () => Promise<void> {
  const log = getLogger(["paddock", "liveness"]);
  const redis = createRedis({ url, name: "liveness" });
  const ping = async () => {
    try {
      await redis.multi()
        .set(PING_KEY, new Date().toISOString(), "EX", PING_EXPIRES_SECONDS)
        .set(VERSION_KEY, version)
        // JSON, quotes included, is what the reader expects.
        .set(JOB_QUEUES_KEY, JSON.stringify(jobQueues.join(",")))
        .exec();
    } catch (error) {
      log.debug`ping failed: ${errorMessage(error)}`;
    }
  };
  ping();
  const timer = setInterval(ping, PING_MS);
  return () => {
    clearInterval(timer);
    redis.disconnect();
    return Promise.resolve();
  };
}
