import { Redis } from "ioredis";
import { freePort } from "./free_port.ts";
import { findProgram, type Service, startService } from "./service_process.ts";

export interface RedisOptions {
  /** Where it keeps its files. */
  readonly directory: string;
  readonly port?: number;
  /** Keep every write on disk, so that a killed server comes back with its data. */
  readonly durable?: boolean;
}

/** The program, or null where Redis is not installed. */
export function findRedis(): string | null {
  return findProgram(["redis-server", "/usr/bin/redis-server", "/usr/local/bin/redis-server"]);
}

/** Starts a private Redis. */
export async function startRedis(options: RedisOptions): Promise<Service> {
  const program = findRedis();
  if (program === null) throw new Error("there is no redis-server: install Redis");
  const { directory, port = freePort(), durable = false } = options;
  await Deno.mkdir(directory, { recursive: true });
  const logFile = `${directory}/redis.log`;
  const url = `redis://127.0.0.1:${port}`;
  const persistence = durable ? ["--appendonly", "yes", "--appendfsync", "always"] : [];
  return await startService({
    name: "Redis",
    url,
    logFile,
    stopSignal: "SIGTERM",
    command: new Deno.Command(program, {
      args: [
        ...["--port", String(port), "--bind", "127.0.0.1", "--dir", directory],
        ...["--logfile", logFile, "--save", "", ...persistence],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }),
    answers: async () => {
      const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
      client.on("error", () => {});
      try {
        await client.connect();
        await client.ping();
      } finally {
        client.disconnect();
      }
    },
  });
}
