/** Settings of Postgres and Redis. */
import type { Setting } from "../setting.ts";
import { number, PORT, SECRET, text } from "./kinds.ts";

export const STORE_SETTINGS = {
  DATABASE_URL: text(
    "Postgres",
    "postgres://localhost:5432/posthog",
    "Postgres to use; wins over every POSTHOG_DB_* and POSTHOG_POSTGRES_* setting.",
    SECRET,
  ),
  POSTHOG_DB_NAME: text("Postgres", null, "Database name, where DATABASE_URL is not set."),
  POSTHOG_DB_USER: text("Postgres", "postgres", "Database user, with POSTHOG_DB_NAME."),
  POSTHOG_DB_PASSWORD: text("Postgres", "", "Database password, with POSTHOG_DB_NAME.", SECRET),
  POSTHOG_POSTGRES_HOST: text("Postgres", "localhost", "Database host, with POSTHOG_DB_NAME."),
  POSTHOG_POSTGRES_PORT: number("Postgres", 5432, "Database port, with POSTHOG_DB_NAME.", PORT),
  DATABASE_POOL_SIZE: number(
    "Postgres",
    10,
    "Connections to Postgres at most, beside those of the writers.",
    { min: 1, max: 1000, integer: true },
  ),
  DATABASE_TIMEOUT_SECONDS: number(
    "Postgres",
    60,
    "A statement that has no answer for so long is given up with its connection, and done again; 0 waits.",
    { min: 0 },
  ),
  REDIS_URL: text(
    "Redis",
    "redis://localhost",
    "Redis to use; 'none' keeps queue, locks, pub/sub and cache in Postgres.",
    SECRET,
  ),
  POSTHOG_REDIS_HOST: text(
    "Redis",
    "",
    "Redis host; when set, host, port and password are used instead of REDIS_URL.",
  ),
  POSTHOG_REDIS_PORT: number("Redis", 6379, "Redis port, with POSTHOG_REDIS_HOST.", PORT),
  POSTHOG_REDIS_PASSWORD: text("Redis", "", "Redis password, with POSTHOG_REDIS_HOST.", SECRET),
  REDIS_POOL_MIN_SIZE: number(
    "Redis",
    1,
    "Accepted; Paddock multiplexes one connection per purpose.",
    { min: 0, integer: true },
  ),
  REDIS_POOL_MAX_SIZE: number(
    "Redis",
    3,
    "Accepted; Paddock multiplexes one connection per purpose.",
    { min: 0, integer: true },
  ),
  PLUGINS_CELERY_QUEUE: text(
    "Redis",
    "posthog-plugins",
    "Redis list that events and plugin jobs arrive in.",
  ),
  CELERY_DEFAULT_QUEUE: text("Redis", "celery", "Redis list of outgoing Celery tasks."),
  CELERY_LEASE_SECONDS: number(
    "Redis",
    60,
    "How long messages stay leased to a server that stopped answering.",
    { min: 5, integer: true },
  ),
  PLUGINS_RELOAD_PUBSUB_CHANNEL: text(
    "Redis",
    "reload-plugins",
    "Channel on which a message makes the server read its plugins again.",
  ),
} as const satisfies Record<string, Setting>;
