/**
 * A private ClickHouse: its real engine as the npm package `chdb` has it, in a process of its own
 * behind the HTTP interface (`clickhouse_front.ts`). Users, quotas and replication are not there;
 * SQL, table engines, the Kafka engine and materialized views are ClickHouse's own.
 */
import { fileURLToPath } from "node:url";
import { cacheFolder, prepareFolder } from "./cache_folder.ts";
import { freePort } from "./free_port.ts";
import { type Service, startService } from "./service_process.ts";

const VERSION = "3.4.0";
/** How long fetching it may take, over a slow network too. */
const FETCH_MS = 600_000;

export interface ClickHouseOptions {
  /** Where it keeps its files. */
  readonly directory: string;
  readonly port?: number;
}

const FRONT = fileURLToPath(import.meta.resolve("./clickhouse_front.ts"));
const SCHEMA = fileURLToPath(import.meta.resolve("../../src/stores/clickhouse/events.proto"));

/** Starts it. The `url` of the service is what a client takes. */
export async function startClickHouse(options: ClickHouseOptions): Promise<Service> {
  const { directory, port = freePort() } = options;
  const packages = await chdbPackages();
  await Deno.mkdir(directory, { recursive: true });
  await Deno.copyFile(SCHEMA, `${directory}/events.proto`);
  await Deno.writeTextFile(`${directory}/config.xml`, CONFIG);
  const url = `http://127.0.0.1:${port}`;
  const logFile = `${directory}/clickhouse.log`;
  return await startService({
    name: "ClickHouse",
    url,
    logFile,
    stopSignal: "SIGTERM",
    startTimeoutMs: 90_000,
    command: new Deno.Command("/bin/sh", {
      args: [
        "-c",
        'log="$1"; shift; exec "$0" "$@" >>"$log" 2>&1',
        Deno.execPath(),
        logFile,
        ...["run", "--quiet", "--no-config", "--no-lock", "--allow-all", FRONT],
        JSON.stringify({ packages, port, data: `${directory}/data` }),
      ],
      // The engine looks for its configuration, and for schemas, where it is started.
      cwd: directory,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }),
    answers: async () => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      connection.close();
    },
  });
}

/** The folder with the npm package: fetched once, and kept for later runs. */
async function chdbPackages(): Promise<string> {
  const folder = `${cacheFolder()}/chdb-${VERSION}`;
  await prepareFolder(folder, async (empty) => {
    console.log(`fetching ClickHouse (chdb ${VERSION})`);
    const { success, stderr } = await new Deno.Command("npm", {
      args: [
        ...["install", "--silent", "--no-fund", "--no-audit", "--no-save", "--ignore-scripts"],
        ...["--prefix", empty, `chdb@${VERSION}`],
      ],
      stdin: "null",
      signal: AbortSignal.timeout(FETCH_MS),
    }).output();
    if (!success) throw new Error(`npm did not fetch chdb: ${new TextDecoder().decode(stderr)}`);
  });
  return folder;
}

/** Topics are read side by side, as a server does, and not in turns. */
const CONFIG = `<clickhouse>
  <background_message_broker_schedule_pool_size>32</background_message_broker_schedule_pool_size>
</clickhouse>
`;
