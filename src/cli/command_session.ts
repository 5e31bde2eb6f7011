/** What a command works with: the configuration, and the stores of the server. */
import { type Config, type Environment, loadConfig } from "../config/config.ts";
import { errorMessage, PaddockError } from "../errors.ts";
import { RELOAD_CHANNEL } from "../plugins/registry/reloader.ts";
import { storedSecrets } from "../plugins/registry/stored_secrets.ts";
import { openStorage } from "../storage.ts";
import { migrate } from "../stores/migrations/migrate.ts";
import type { Database } from "../stores/postgres/database.ts";
import { createFirstProject } from "../stores/postgres/first_project.ts";
import { RedisPubSub } from "../stores/redis/pubsub.ts";
import { configureLogging } from "../telemetry/log.ts";
import type { CommandOutput } from "./command_output.ts";

export interface CommandSession {
  readonly config: Config;
  readonly database: Database;
  /** Its address. */
  readonly databaseUrl: string;
  readonly output: CommandOutput;
  /** Makes running servers read their plugins again. */
  announcePluginChange(): Promise<void>;
}

/** Opens a session for some work; what it opened is closed again, however the work ends. */
export type RunInSession = (work: (session: CommandSession) => Promise<void>) => Promise<void>;

/** Sessions on the very stores that a server with this environment uses. */
export function sessionsOf(environment: Environment, output: CommandOutput): RunInSession {
  return async (work) => {
    const config = loadConfig(environment);
    const level = config.explicit.has("LOG_LEVEL") ? config.LOG_LEVEL : "warn";
    await configureLogging({ level, format: config.LOG_FORMAT });
    const storage = await openStorage(config, "command");
    try {
      // A command may well come before the first start of a server.
      const { createdPosthogTables } = await migrate(storage.database);
      if (createdPosthogTables) await createFirstProject(storage.database);
      output.hide?.(await storedSecrets(storage.database));
      await work({
        config,
        database: storage.database,
        databaseUrl: storage.databaseUrl,
        output,
        announcePluginChange: () => announce(config, storage, output),
      });
    } finally {
      await storage.close();
    }
  };
}

/** On Postgres for Paddock's servers, and on Redis for those of the kind before as well. */
async function announce(
  config: Config,
  storage: { readonly database: Database; readonly redisUrl: string | null },
  output: CommandOutput,
): Promise<void> {
  await storage.database.query("SELECT pg_notify($1, '')", [RELOAD_CHANNEL]);
  if (storage.redisUrl === null) return;
  const pubsub = new RedisPubSub(storage.redisUrl);
  try {
    await pubsub.publish(config.PLUGINS_RELOAD_PUBSUB_CHANNEL ?? "reload-plugins", "paddock");
  } catch (error) {
    output.complain(`Servers were told by Postgres alone, as ${errorMessage(error)}`);
  } finally {
    await pubsub.close();
  }
}

/** Flags that mean the same on every command. */
export const TEAM_OPTION = "--team <id>";
export const JSON_OPTION = ["--json", "as JSON"] as const;

/**
 * A whole number out of the command line.
 * @throws PaddockError PDK_USAGE
 */
export function wholeNumber(name: string, min: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= min && number < 2 ** 31) return number;
    throw new PaddockError("PDK_USAGE", `${name}: '${text}' is not a whole number from ${min}`);
  };
}
