/**
 * The Kafka bench: Kafka in, three plugins, Kafka out by the real server, against a loop that does
 * nothing but consume and produce, with the same client in the same run; then the delay of events at
 * half of that load.
 *
 *   deno task bench:kafka [--events=30000] [--warm=10000] [--plugins=3] [--servers=1] [--seconds=10]
 *
 * The first `warm` events of each server are not measured; for `seconds` single events are timed.
 */
import { fileURLToPath } from "node:url";
import { Admin, Consumer, Producer } from "@platformatic/kafka";
import { decodeEvent } from "../src/stores/kafka/messages/event_messages.ts";
import { TOPICS } from "../src/stores/kafka/messages/output_message.ts";
import { createMissingTopics } from "../src/stores/kafka/topic_creation.ts";
import { migrate } from "../src/stores/migrations/migrate.ts";
import { Database } from "../src/stores/postgres/database.ts";
import { createFirstProject } from "../src/stores/postgres/first_project.ts";
import { installServices } from "../tests/services/install.ts";
import { missingKafkaPackages, startKafka } from "../tests/services/kafka.ts";
import { plainConnection } from "../tests/services/kafka_topic.ts";
import { startPostgres } from "../tests/services/postgres.ts";
import { pageviewProperties } from "./load/events.ts";
import { installBenchPlugins } from "./load/plugins.ts";
import { cpuSeconds } from "./load/process_usage.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, {
  events: { type: "string", default: "30000" },
  warm: { type: "string", default: "10000" },
  plugins: { type: "string", default: "3" },
  servers: { type: "string", default: "1" },
  seconds: { type: "string", default: "10" },
});
const [events, warmUp, servers] = [values.events, values.warm, values.servers].map(Number) as [
  number,
  number,
  number,
];
const PARTITIONS = 4;
const VISITORS = 2_000;
const ARRIVING = "events_plugin_ingestion";
const MAIN = fileURLToPath(import.meta.resolve("../main.ts"));

const directory = await Deno.makeTempDir({ prefix: "paddock-bench-" });
await Deno.chmod(directory, 0o755);
await installServices();
await installServices(missingKafkaPackages);
const postgres = await startPostgres({ directory: `${directory}/postgres`, durable: true });
const kafka = await startKafka({ directory: `${directory}/kafka`, isForLong: true });
const database = new Database({ connectionString: postgres.url, max: 3, applicationName: "bench" });
const bootstrapBrokers = [kafka.url];
const admin = new Admin({ clientId: "bench", bootstrapBrokers });
const producer = new Producer({ clientId: "bench", bootstrapBrokers, idempotent: true });
try {
  await run();
} finally {
  await producer.close();
  await admin.close();
  await database.close();
  await kafka.kill();
  await postgres.stop();
  await Deno.remove(directory, { recursive: true });
}

async function run(): Promise<void> {
  await migrate(database);
  const project = await createFirstProject(database);
  if (project === null) throw new Error("the bench's database was not empty");
  await installBenchPlugins(database, project, [project.teamId], Number(values.plugins));
  await admin.createTopics({
    topics: [ARRIVING, "bare_in", "bare_out"],
    partitions: PARTITIONS,
    replicas: 1,
  });
  await createMissingTopics(plainConnection(kafka.url), Object.values(TOPICS));
  let serial = 0;
  const fill = async (topic: string, count: number) => {
    for (let left = count; left > 0; left -= 400) {
      const messages = Array.from(
        { length: Math.min(left, 400) },
        () => messageOf(topic, serial++, project.teamId),
      );
      await producer.send({ acks: -1, messages });
    }
  };
  await fill("bare_in", warmUp + events);
  // The broker's own code is compiled while it runs: without this it would be the server's to pay.
  await bareLoop("warm");
  const bareBefore = await cpuOf([]);
  const first = await bareLoop("before");
  const bareAfter = await cpuOf([]);
  await fill(ARRIVING, warmUp + events);
  const running = [];
  for (let server = 0; server < servers; server++) running.push(startServer());
  await endOf(TOPICS.events, warmUp);
  const began = performance.now();
  const before = await cpuOf(running.map(({ pid }) => pid));
  await endOf(TOPICS.events, warmUp + events);
  const rate = events / (performance.now() - began) * 1000;
  const used = await cpuOf(running.map(({ pid }) => pid));
  // Measured on both sides, as a machine that does other things is not the same for long.
  const second = await bareLoop("after");
  const bare = (first + second) / 2;
  const spent = (after: Record<string, number>, before: Record<string, number>, count: number) =>
    Object.keys(after).map((part) =>
      `${part} ${Math.round(((after[part] ?? 0) - (before[part] ?? 0)) / count * 1e6)}`
    ).join(", ");
  console.log(
    `bare: ${Math.round(first)} and ${Math.round(second)} events/s; ` +
      `CPU µs/event: ${spent(bareAfter, bareBefore, warmUp + events)}`,
  );
  console.log(
    `${servers} server(s), ${values.plugins} plugins: ${Math.round(rate)} events/s, ` +
      `ratio ${(rate / bare).toFixed(2)}; CPU µs/event: ${spent(used, before, events)}`,
  );
  const delays = await delaysAt(rate / 2, Number(values.seconds), project.teamId);
  const at = (share: number) => delays[Math.floor(delays.length * share)]?.toFixed(0);
  console.log(
    `delay at ${Math.round(rate / 2)} events/s: ${at(0.5)} ms (median), ${at(0.99)} ms (p99)`,
  );
  for (const server of running) server.kill("SIGTERM");
  await Promise.all(running.map(({ status }) => status));
}

function messageOf(topic: string, index: number, teamId: number) {
  const distinctId = `visitor-${index % VISITORS}`;
  const now = new Date();
  const value = JSON.stringify({
    uuid: crypto.randomUUID(),
    distinct_id: distinctId,
    ip: "127.0.0.1",
    site_url: "",
    data: JSON.stringify({
      event: "$pageview",
      distinct_id: distinctId,
      properties: { ...pageviewProperties(index), sent: now.getTime() },
      timestamp: now.toISOString(),
    }),
    team_id: teamId,
    now: now.toISOString(),
    sent_at: "",
  });
  return {
    topic,
    key: new TextEncoder().encode(distinctId),
    value: new TextEncoder().encode(value),
  } as
    & { topic: string }
    & Record<"key" | "value", Uint8Array & Parameters<Producer["send"]>[0]["messages"][0]["value"]>;
}

/** Events a second from one topic into another, batches of 500, committed as they are stored. */
async function bareLoop(groupId: string): Promise<number> {
  const consumer = new Consumer({ clientId: "bench", groupId, bootstrapBrokers });
  const stream = await consumer.consume({
    topics: ["bare_in"],
    mode: "earliest",
    autocommit: false,
    highWaterMark: 2_000,
  });
  let count = 0;
  let began = 0;
  let batch = [];
  const positions = new Map<number, bigint>();
  for await (const message of stream) {
    batch.push({ topic: "bare_out", key: message.key, value: message.value });
    positions.set(message.partition, message.offset + 1n);
    count++;
    if (batch.length < 500 && count < warmUp + events) continue;
    await producer.send({ acks: -1, messages: batch });
    await consumer.commit({
      offsets: [...positions].map(([partition, offset]) => ({
        topic: "bare_in",
        partition,
        offset,
        leaderEpoch: -1,
      })),
    });
    batch = [];
    if (began === 0 && count >= warmUp) began = performance.now();
    if (count >= warmUp + events) break;
  }
  const rate = events / (performance.now() - began) * 1000;
  await consumer.close(true);
  return rate;
}

function startServer(): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    // As the task `start` has it.
    args: ["run", "--quiet", "-P=server", "--v8-flags=--max-semi-space-size=32", MAIN],
    env: {
      DATABASE_URL: postgres.url,
      REDIS_URL: "none",
      KAFKA_ENABLED: "true",
      KAFKA_HOSTS: kafka.url,
      BASE_DIR: directory,
      HTTP_PORT: "0",
      LOG_LEVEL: "error",
    },
    stdin: "null",
    stdout: "null",
  }).spawn();
}

/** Resolves when a topic has so many messages. */
async function endOf(topic: string, count: number): Promise<void> {
  for (let found = 0; found < count;) {
    const [offsets] = await admin.listOffsets({
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
    });
    found = Number(offsets?.partitions[0]?.offset ?? 0);
    await pause(20);
  }
}

/** Milliseconds from the moment an event was sent until it is read from the other topic, sorted. */
async function delaysAt(rate: number, seconds: number, teamId: number): Promise<number[]> {
  const consumer = new Consumer({
    clientId: "bench",
    groupId: "delays",
    bootstrapBrokers,
    maxWaitTime: 20,
  });
  const stream = await consumer.consume({
    topics: [TOPICS.events],
    mode: "latest",
    autocommit: false,
  });
  const wanted = Math.round(rate * seconds);
  const delays: number[] = [];
  const read = (async () => {
    for await (const { value } of stream) {
      delays.push(Date.now() - JSON.parse(decodeEvent(value).properties).sent);
      if (delays.length >= wanted) break;
    }
  })();
  const began = performance.now();
  const sends: Promise<unknown>[] = [];
  for (let sent = 0; sent < wanted;) {
    const due = Math.min(wanted, Math.floor((performance.now() - began) / 1000 * rate));
    if (due > sent) {
      const messages = Array.from(
        { length: due - sent },
        (_, index) => messageOf(ARRIVING, sent + index, teamId),
      );
      sends.push(producer.send({ acks: -1, messages }));
      sent = due;
    }
    await pause(20);
  }
  await Promise.all([...sends, read]);
  await consumer.close(true);
  return delays.sort((one, other) => one - other);
}

/** CPU seconds used so far, by part. */
async function cpuOf(serverPids: readonly number[]): Promise<Record<string, number>> {
  const [stored, broker] = [await cpuSeconds(postgres.pid), await cpuSeconds(kafka.pid)];
  const own = await Promise.all(serverPids.map((pid) => cpuSeconds(pid)));
  const bench = await cpuSeconds(Deno.pid);
  return {
    bench: bench.self,
    servers: own.reduce((sum, { self }) => sum + self, 0),
    plugins: own.reduce((sum, { below }) => sum + below, 0),
    postgres: stored.self + stored.below,
    kafka: broker.self + broker.below,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
