/**
 * The test command: installs and starts the services the tests need, privately to this run, runs
 * the tests, and ends with the line `N passed, N failed`. Arguments are handed to `deno test`;
 * without any, every test runs.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startClickHouse } from "./services/clickhouse.ts";
import { installServices } from "./services/install.ts";
import { missingKafkaPackages, startKafka } from "./services/kafka.ts";
import { offerServices } from "./services/on_demand.ts";
import { startPostgres } from "./services/postgres.ts";
import { startRedis } from "./services/redis.ts";
import type { Service } from "./services/service_process.ts";

interface Totals {
  passed: number;
  failed: number;
}

async function main(): Promise<Totals> {
  const directory = await Deno.makeTempDir({ prefix: "paddock-tests-" });
  // The databases run as another user as soon as this one is root.
  await Deno.chmod(directory, 0o755);
  const services: Service[] = [];
  const onDemand = offerServices({
    kafka: async () => {
      await installServices(missingKafkaPackages);
      return await startKafka({ directory: `${directory}/kafka` });
    },
    clickhouse: () => startClickHouse({ directory: `${directory}/clickhouse` }),
  });
  try {
    await installServices();
    const postgres = await startPostgres({ directory: `${directory}/postgres` });
    services.push(postgres);
    const redis = await startRedis({ directory: `${directory}/redis` });
    services.push(redis);
    return await runTests(directory, {
      PADDOCK_TEST_POSTGRES_URL: postgres.url,
      PADDOCK_TEST_REDIS_URL: redis.url,
      PADDOCK_TEST_SERVICES_URL: onDemand.url,
    });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return { passed: 0, failed: 1 };
  } finally {
    await onDemand.close();
    for (const service of services.reverse()) await service.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

const TIME_BOUND = fileURLToPath(import.meta.resolve("./services/time_bound.ts"));

/** Deno says so of a test that goes on for 1, 2, 4, 8 and so on minutes. None needs as many as these. */
const HUNG = /has been running for over .*\(8m/;

/** Hands the output on. Calls back where a test hangs, which would hold up the run for ever. */
async function watch(output: ReadableStream<Uint8Array>, hangs: () => void): Promise<void> {
  const decoder = new TextDecoder();
  let line = "";
  for await (const chunk of output) {
    await writeAll(chunk);
    line = (line + decoder.decode(chunk, { stream: true })).slice(-4_000);
    const isHung = HUNG.test(line);
    line = line.slice(line.lastIndexOf("\n") + 1);
    if (isHung) hangs();
  }
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

async function runTests(directory: string, env: Record<string, string>): Promise<Totals> {
  const report = `${directory}/report.xml`;
  // Who asks for some tests alone may have given them much to do.
  const isWhole = Deno.args.length === 0;
  const targets = isWhole ? [`--preload=${TIME_BOUND}`, "tests/"] : Deno.args;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-P=tools", "--quiet", `--junit-path=${report}`, ...targets],
    env,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const interrupt = () => child.kill("SIGTERM");
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, interrupt);
  const watching = watch(child.stdout, () => {
    if (!isWhole) return;
    console.error("a test hangs: the run is given up");
    child.kill("SIGTERM");
  });
  const { success } = await child.status;
  // What a test left running may hold the pipe open.
  await Promise.race([watching, sleep(5_000)]);
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, interrupt);
  const totals = await readTotals(report);
  // A run that failed outside of any test (a type error, a crash) has failed all the same.
  if (!success && totals.failed === 0) totals.failed = 1;
  if (success && totals.passed === 0) totals.failed = 1;
  return totals;
}

async function readTotals(report: string): Promise<Totals> {
  const text = await Deno.readTextFile(report).catch(() => "");
  const root = /<testsuites\b[^>]*>/.exec(text)?.[0] ?? "";
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  return { passed: count("tests") - failed, failed };
}

const { passed, failed } = await main();
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
