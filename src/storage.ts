/** Opens the databases that the configuration means. */
import { type Config, redact } from "./config/config.ts";
import { postgresUrl, redisUrl } from "./config/connections.ts";
import {
  chooseStorage,
  DEFAULT_PORTS,
  recordedStorage,
  recordStorage,
  storageSettings,
} from "./config/storage_choice.ts";
import { errorMessage, PaddockError } from "./errors.ts";
import { openEmbeddedStorage } from "./stores/embedded/embedded_storage.ts";
import { Database } from "./stores/postgres/database.ts";
import { NOBODY, type Observer } from "./telemetry/observer.ts";
import { VERSION } from "./version.ts";

/** The stores of one server or command. */
export interface Storage {
  readonly kind: "embedded" | "external";
  readonly database: Database;
  /** For parts that connect by themselves. */
  readonly databaseUrl: string;
  /** Null where Postgres does Redis's work. */
  readonly redisUrl: string | null;
  /** What is in use and where the data lies, without secrets. */
  readonly description: string;
  close(): Promise<void>;
}

/**
 * Decides between embedded and external storage and connects; nothing is migrated.
 * @param role shown in the database's list of connections
 * @param observer told of every statement
 * @throws PaddockError PDK_STORAGE_REFUSED, PDK_DIRECTORY_IN_USE, PDK_DATABASE_UNAVAILABLE
 */
export async function openStorage(
  config: Config,
  role: "server" | "command",
  observer: Observer = NOBODY,
): Promise<Storage> {
  const baseDir = config.BASE_DIR ?? ".";
  const choice = await chooseStorage({ baseDir, explicit: config.explicit });
  const max = config.DATABASE_POOL_SIZE + config.WRITER_CONNECTIONS;
  const options = {
    max,
    observer,
    applicationName: `paddock ${role} ${VERSION}`,
    // A command is watched by whoever called it, and may have to do with many rows.
    timeoutMs: role === "server" ? config.DATABASE_TIMEOUT_SECONDS * 1000 : 0,
  };
  if (choice === "embedded") {
    const embedded = await openEmbeddedStorage({ baseDir, shared: role === "command" });
    await recordStorage(baseDir, "embedded");
    const database = new Database({
      connectionString: embedded.connectionString,
      ...options,
    });
    return {
      kind: "embedded",
      database,
      databaseUrl: embedded.connectionString,
      redisUrl: null,
      description: `embedded Postgres, data in ${embedded.dataDir}`,
      async close() {
        await database.close();
        await embedded.close();
      },
    };
  }
  const databaseUrl = postgresUrl(config);
  const redis = redisUrl(config);
  const database = new Database({ connectionString: databaseUrl, ...options });
  try {
    await database.query("SELECT 1");
  } catch (error) {
    await database.close();
    if (storageSettings(config.explicit).length > 0) {
      throw new PaddockError(
        "PDK_DATABASE_UNAVAILABLE",
        `DATABASE_URL (${redact(databaseUrl)}) cannot be used: ${errorMessage(error)}`,
        { cause: error },
      );
    }
    throw new PaddockError(
      "PDK_STORAGE_REFUSED",
      `nothing is configured, and ${await whyExternal(baseDir)}, but ${redact(databaseUrl)} ` +
        `cannot be used (${errorMessage(error)})`,
      { cause: error },
    );
  }
  // A command that was pointed at a database says nothing about what the server here is to use.
  if (role === "server") await recordStorage(baseDir, "external");
  return {
    kind: "external",
    database,
    databaseUrl,
    redisUrl: redis,
    description: `Postgres ${redact(databaseUrl)}, ${
      redis === null ? "no Redis: Postgres does its work" : `Redis ${redact(redis)}`
    }`,
    close: () => database.close(),
  };
}

/** What made this an external storage although no setting asks for one, and the way out. */
async function whyExternal(baseDir: string): Promise<string> {
  if (await recordedStorage(baseDir) === "external") {
    return `a server ran here on an external database before: set DATABASE_URL and REDIS_URL ` +
      `again, or remove ${baseDir}/.paddock/storage.json to start with an embedded, empty one`;
  }
  return `something listens on port ${DEFAULT_PORTS.postgres} or ${DEFAULT_PORTS.redis}: set ` +
    "DATABASE_URL and REDIS_URL, or stop what listens there to get embedded storage";
}
