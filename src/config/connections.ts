/** Which database and which Redis the settings mean. */
import type { Config } from "./config.ts";

/** The Postgres connection string: DATABASE_URL, or one built from the POSTHOG_* settings. */
export function postgresUrl(config: Config): string {
  const given = config.explicit.has("DATABASE_URL") && config.DATABASE_URL;
  if (given || !config.POSTHOG_DB_NAME) return config.DATABASE_URL || "";
  const url = new URL("postgres://localhost");
  url.hostname = config.POSTHOG_POSTGRES_HOST ?? "localhost";
  url.port = String(config.POSTHOG_POSTGRES_PORT);
  url.username = encodeURIComponent(config.POSTHOG_DB_USER ?? "");
  url.password = encodeURIComponent(config.POSTHOG_DB_PASSWORD ?? "");
  url.pathname = `/${encodeURIComponent(config.POSTHOG_DB_NAME)}`;
  return url.href;
}

/** The Redis address, or null where Postgres does its work. */
export function redisUrl(config: Config): string | null {
  if (config.POSTHOG_REDIS_HOST) {
    const url = new URL("redis://localhost");
    url.hostname = config.POSTHOG_REDIS_HOST;
    url.port = String(config.POSTHOG_REDIS_PORT);
    url.password = encodeURIComponent(config.POSTHOG_REDIS_PASSWORD ?? "");
    return url.href;
  }
  const url = config.REDIS_URL ?? "";
  return url === "" || url.toLowerCase() === "none" ? null : url;
}
