import assert from "node:assert/strict";
import { loadConfig, redact, redactedConfig } from "../../src/config/config.ts";
import { postgresUrl, redisUrl } from "../../src/config/connections.ts";
import { PaddockError } from "../../src/errors.ts";

Deno.test("nothing given: every setting has its default", () => {
  const config = loadConfig({});
  assert.equal(config.DATABASE_URL, "postgres://localhost:5432/posthog");
  assert.equal(config.PLUGINS_CELERY_QUEUE, "posthog-plugins");
  assert.equal(config.TASK_TIMEOUT, 30);
  assert.equal(config.KAFKA_PRODUCER_MAX_QUEUE_SIZE, 1000);
  assert.equal(config.PISCINA_USE_ATOMICS, true);
  assert.equal(config.explicit.size, 0);
});

Deno.test("texts are read as what they are", () => {
  const config = loadConfig({
    HTTP_PORT: "0x1F90",
    TASK_TIMEOUT: "0.5",
    KAFKA_ENABLED: "ON",
    DISABLE_MMDB: "",
    LOG_LEVEL: "WARN",
    TRUSTED_PROXIES: " 10.0.0.0/8, ::1 ,",
    UNRELATED: "x",
  });
  assert.equal(config.HTTP_PORT, 8080);
  assert.equal(config.TASK_TIMEOUT, 0.5);
  assert.equal(config.KAFKA_ENABLED, true);
  assert.equal(config.DISABLE_MMDB, false);
  assert.equal(config.LOG_LEVEL, "warn");
  assert.deepEqual(config.TRUSTED_PROXIES, ["10.0.0.0/8", "::1"]);
  assert.ok(config.explicit.has("DISABLE_MMDB"));
});

Deno.test("every wrong value is named at once, with what is allowed, and no secret", () => {
  const wrong = {
    HTTP_PORT: "eight",
    WORKER_CONCURRENCY: "-1",
    TASKS_PER_WORKER: "1.5",
    KAFKA_ENABLED: "maybe",
    LOG_LEVEL: "loud",
    WRITER_CONNECTIONS: "",
  };
  assert.throws(() => loadConfig(wrong), (error: unknown) => {
    assert.ok(error instanceof PaddockError && error.code === "PDK_CONFIG_INVALID");
    for (const name of Object.keys(wrong)) assert.match(error.message, new RegExp(name));
    assert.match(error.message, /HTTP_PORT: 'eight' must be a whole number from 0 to 65535/);
    assert.match(error.message, /LOG_LEVEL: 'loud' must be one of debug, info/);
    return true;
  });
});

Deno.test("connections come from the setting that wins", () => {
  const parts = {
    POSTHOG_DB_NAME: "ph",
    POSTHOG_DB_USER: "me@x",
    POSTHOG_DB_PASSWORD: "a:b/c",
    POSTHOG_POSTGRES_HOST: "db.internal",
  };
  assert.equal(
    postgresUrl(loadConfig(parts)),
    "postgres://me%40x:a%3Ab%2Fc@db.internal:5432/ph",
  );
  assert.equal(
    postgresUrl(loadConfig({ ...parts, DATABASE_URL: "postgres://x/y" })),
    "postgres://x/y",
  );
  assert.equal(redisUrl(loadConfig({})), "redis://localhost");
  assert.equal(redisUrl(loadConfig({ REDIS_URL: "none" })), null);
  assert.equal(
    redisUrl(
      loadConfig({
        POSTHOG_REDIS_HOST: "r",
        POSTHOG_REDIS_PASSWORD: "p@",
        REDIS_URL: "redis://no",
      }),
    ),
    "redis://:p%40@r:6379",
  );
});

Deno.test("what is shown has no secret in it", () => {
  const config = loadConfig({
    DATABASE_URL: "postgres://me:hunter2@db/x",
    KAFKA_CLIENT_CERT_KEY_B64: "c2VjcmV0",
    SENTRY_DSN: "https://abc@sentry/1",
  });
  const shown = JSON.stringify(redactedConfig(config));
  assert.doesNotMatch(shown, /hunter2|c2VjcmV0/);
  assert.match(shown, /postgres:\/\/me:\*\*\*@db\/x/);
  assert.equal(redact("not an address"), "***");
});
