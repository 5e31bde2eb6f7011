// @ts-types="@types/pg"
import pg from "pg";
import { freePort } from "./free_port.ts";
import { findProgram, type Service, startService } from "./service_process.ts";

const INITIALISE_MS = 90_000;

export interface PostgresOptions {
  /** Where it keeps its files; made and initialised when it is not there. */
  readonly directory: string;
  readonly port?: number;
  /** Wait for the disk at every commit. */
  readonly durable?: boolean;
  /** More settings, which win over those made here. */
  readonly settings?: readonly string[];
  /** Megabytes of one file of its log, a power of two. */
  readonly logFileMb?: number;
}

/** The folder of Postgres's programs, or null where it is not installed. */
export function findPostgres(): string | null {
  const versions = ["18", "17", "16", "15", "14", "13"];
  const candidates = versions.map((version) => `/usr/lib/postgresql/${version}/bin/initdb`);
  const found = findProgram([...candidates, "/usr/local/pgsql/bin/initdb", "initdb"]);
  return found === null ? null : Deno.realPathSync(found).replace(/\/initdb$/, "");
}

/** Postgres refuses to run as root, so as root it runs as an unprivileged user. */
function unprivileged(): { uid: number; gid: number } | Record<never, never> {
  return Deno.uid() === 0 ? { uid: 65534, gid: 65534 } : {};
}

/** Starts a private Postgres with the superuser `postgres`. */
export async function startPostgres(options: PostgresOptions): Promise<Service> {
  const programs = findPostgres();
  if (programs === null) throw new Error("there is no Postgres: install it");
  const { directory, port = freePort(), durable = false, settings: more = [] } = options;
  const user = unprivileged();
  await Deno.mkdir(directory, { recursive: true });
  if ("uid" in user) await Deno.chown(directory, user.uid, user.gid);
  const data = `${directory}/data`;
  await initialise(programs, directory, data, user, options.logFileMb ?? 16);
  const logFile = `${directory}/postgres.log`;
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const settings = [
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${directory}`,
    "max_connections=300",
    "shared_buffers=256MB",
    "logging_collector=off",
    ...(durable ? [] : ["fsync=off"]),
    ...more,
  ];
  return await startService({
    name: "Postgres",
    url,
    logFile,
    stopSignal: "SIGINT",
    command: new Deno.Command("/bin/sh", {
      args: [
        "-c",
        'log="$1"; shift; exec "$0" "$@" >>"$log" 2>&1',
        `${programs}/postgres`,
        logFile,
        ...["-D", data, "-p", String(port)],
        ...settings.flatMap((setting) => ["-c", setting]),
      ],
      ...user,
      cwd: directory,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }),
    answers: async () => {
      const client = new pg.Client({ connectionString: url });
      client.on("error", () => {});
      await client.connect();
      await client.end();
    },
  });
}

async function initialise(
  programs: string,
  directory: string,
  data: string,
  user: { uid: number; gid: number } | Record<never, never>,
  logFileMb: number,
): Promise<void> {
  const initialised = await Deno.stat(`${data}/PG_VERSION`).then(() => true, () => false);
  if (initialised) return;
  const { success, stderr } = await new Deno.Command(`${programs}/initdb`, {
    args: [
      ...["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
      `--wal-segsize=${logFileMb}`,
    ],
    ...user,
    cwd: directory,
    env: { LC_ALL: "C" },
    stdin: "null",
    signal: AbortSignal.timeout(INITIALISE_MS),
    stdout: "null",
  }).output();
  if (!success) throw new Error(`initdb failed: ${new TextDecoder().decode(stderr)}`);
}
