/** The part of the composition root that deletes what is too old. */
import type { Config } from "./config/config.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Queryable } from "./stores/postgres/database.ts";
import { Retention } from "./stores/postgres/retention/retention.ts";

/** Starts the retention of dead letters and of what plugins said. It is put on `started`. */
export function startRetention(config: Config, database: Queryable, started: StopStack): void {
  const retention = new Retention(database, {
    deadLetters: config.DEAD_LETTER_RETENTION_DAYS,
    pluginLogs: config.PLUGIN_LOG_RETENTION_DAYS,
    pluginErrors: config.PLUGIN_ERROR_RETENTION_DAYS,
  });
  retention.start();
  started.push("retention", () => retention.stop());
}
