/** Databases of their own that may be treated badly, and the real server on them. */
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import { Database } from "../../../src/stores/postgres/database.ts";
import { createFirstProject } from "../../../src/stores/postgres/first_project.ts";
import { freePort } from "../../services/free_port.ts";
import { installPlugin } from "../../services/plugin_rows.ts";
import { startPostgres } from "../../services/postgres.ts";
import { startRedis } from "../../services/redis.ts";
import type { Service } from "../../services/service_process.ts";
import { type ServerProcess, startServerProcess } from "../../services/server_process.ts";
import { startTcpProxy, type TcpProxy } from "../../services/tcp_proxy.ts";

/** A service that can be started again where it was. */
export interface Restartable {
  readonly port: number;
  readonly url: string;
  service: Service;
  start(): Promise<void>;
}

/** Databases that outlive one test. */
export interface Databases extends AsyncDisposable {
  readonly postgres: Restartable;
  readonly redis: Restartable;
}

/** Connections that Postgres accepts; few, so that they can be used up. */
export const MAX_CONNECTIONS = 60;
/** Whatever takes longer hangs. */
const STATEMENT_MS = 60_000;
const COMMAND_MS = 10_000;
/** Seconds after which a dead server's messages are taken over, and unanswered statements given up. */
export const LEASE_SECONDS = 5;

const PLUGIN = `exports.processEvent = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  event.properties.plugged = true;
  return event;
}`;

/** @param dataDirectory where Postgres keeps its data, where that is not beside the rest */
export async function startDatabases(
  directory: string,
  postgresDirectory = `${directory}/postgres`,
): Promise<Databases> {
  const restartable = async (start: (port: number) => Promise<Service>): Promise<Restartable> => {
    const port = freePort();
    const service = await start(port);
    const self = {
      port,
      url: service.url,
      service,
      async start() {
        self.service = await start(port);
      },
    };
    return self;
  };
  const postgres = await restartable((port) =>
    startPostgres({
      directory: postgresDirectory,
      port,
      durable: true,
      settings: [
        `max_connections=${MAX_CONNECTIONS}`,
        "shared_buffers=32MB",
        "min_wal_size=32MB",
        "max_wal_size=64MB",
      ],
    })
  );
  const redis = await restartable((port) =>
    startRedis({ directory: `${directory}/redis`, port, durable: true })
  );
  return {
    postgres,
    redis,
    async [Symbol.asyncDispose]() {
      await redis.service.stop();
      await postgres.service.stop();
    },
  };
}

/** One server on a database of its own. */
export interface Arena extends AsyncDisposable {
  readonly databases: Databases;
  /** Straight to Postgres, past the wire; as superuser. */
  readonly database: Database;
  readonly databaseName: string;
  /** The wire between the servers and Postgres. */
  readonly wire: TcpProxy;
  readonly redis: Redis;
  readonly queue: string;
  readonly teamId: number;
  readonly apiKey: string;
  /** Those that run; the first is the one that faults are about. */
  readonly servers: ServerProcess[];
  /** Starts another one. */
  startServer(): Promise<ServerProcess>;
}

export async function createArena(databases: Databases, directory: string): Promise<Arena> {
  const name = `arena_${randomBytes(4).toString("hex")}`;
  const { postgres, redis } = databases;
  const admin = new Database({
    connectionString: postgres.url,
    max: 1,
    applicationName: "arena",
  });
  // No superuser: those have a few connections in reserve.
  await admin.query(`CREATE ROLE ${name} LOGIN`);
  await admin.query(`CREATE DATABASE ${name} OWNER ${name}`);
  await admin.close();
  const url = (user: string, port: number) => `postgres://${user}@127.0.0.1:${port}/${name}`;
  const owner = new Database({
    connectionString: url(name, postgres.port),
    max: 1,
    applicationName: "arena",
  });
  await migrate(owner);
  const project = await createFirstProject(owner);
  if (project === null) throw new Error("the arena's database was not empty");
  await installPlugin(owner, { name: "Plugged", source: PLUGIN, teamId: project.teamId });
  await owner.close();
  const database = new Database({
    connectionString: url("postgres", postgres.port),
    max: 3,
    applicationName: "arena",
    timeoutMs: STATEMENT_MS,
  });
  const wire = await startTcpProxy({ host: "127.0.0.1", port: postgres.port });
  const client = new Redis(redis.url, {
    retryStrategy: () => 50,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_MS,
  });
  client.on("error", () => {});
  const baseDir = `${directory}/${name}`;
  await Deno.mkdir(baseDir);
  const servers: ServerProcess[] = [];
  const env = {
    DATABASE_URL: url(name, wire.port),
    REDIS_URL: redis.url,
    PLUGINS_CELERY_QUEUE: name,
    CELERY_LEASE_SECONDS: String(LEASE_SECONDS),
    DATABASE_TIMEOUT_SECONDS: String(LEASE_SECONDS),
    SCHEDULE_LOCK_TTL: "5",
    BASE_DIR: baseDir,
  };
  return {
    databases,
    database,
    databaseName: name,
    wire,
    redis: client,
    queue: name,
    teamId: project.teamId,
    apiKey: project.apiToken,
    servers,
    async startServer() {
      const server = await startServerProcess(env);
      servers.push(server);
      return server;
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server.kill();
      client.disconnect();
      await database.close();
      await wire[Symbol.asyncDispose]();
    },
  };
}
