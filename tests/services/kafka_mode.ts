/** What a server in Kafka mode needs, each its own: topics, a group, a database. */
import { randomBytes } from "node:crypto";
import { Admin, Consumer, Producer } from "@platformatic/kafka";
import { clickHouseTables } from "../../src/config/clickhouse_options.ts";
import { loadConfig } from "../../src/config/config.ts";
import { migrateClickHouse } from "../../src/stores/clickhouse/migrate.ts";
import { TOPICS } from "../../src/stores/kafka/messages/output_message.ts";
import { createMissingTopics } from "../../src/stores/kafka/topic_creation.ts";
import { createTestClickHouse, type TestClickHouse } from "./clickhouse_database.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { plainConnection } from "./kafka_topic.ts";
import { demandService } from "./on_demand.ts";
import { prepareDatabase } from "./pipeline.ts";
import { within } from "./within.ts";

export interface KafkaMode extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  readonly database: TestDatabase["database"];
  readonly teamId: number;
  readonly baseDir: string;
  /** Values for the topic that servers take events from; keys choose partitions. */
  produce(messages: readonly { value: string | Uint8Array | null; key?: string }[]): Promise<void>;
  /** Every value of a topic, oldest first within a partition. */
  read(topic: keyof typeof TOPICS): Promise<Uint8Array[]>;
}

/** Makes ClickHouse's tables for it. Disposing drops them. */
export async function addClickHouse(
  mode: KafkaMode,
): Promise<AsyncDisposable & Pick<TestClickHouse, "clickhouse"> & Pick<KafkaMode, "env">> {
  const test = await createTestClickHouse();
  const env = {
    ...mode.env,
    CLICKHOUSE_HOST: new URL(test.url).host,
    CLICKHOUSE_DATABASE: test.database,
    CLICKHOUSE_KAFKA_FLUSH_MS: "300",
  };
  await migrateClickHouse(test.clickhouse, clickHouseTables(loadConfig(env)));
  return { env, clickhouse: test.clickhouse, [Symbol.asyncDispose]: test[Symbol.asyncDispose] };
}

/** @param partitions of the topic that events arrive on */
export async function createKafkaMode(
  partitions: number,
  broker: string | null = null,
): Promise<KafkaMode> {
  const address = broker ?? await demandService("kafka");
  const prefix = `mode_${randomBytes(4).toString("hex")}_`;
  const arriving = `${prefix}events_plugin_ingestion`;
  const connection = plainConnection(address);
  const admin = new Admin({ clientId: "tests", bootstrapBrokers: [address] });
  await admin.createTopics({ topics: [arriving], partitions, replicas: 1 });
  await createMissingTopics(connection, Object.values(TOPICS).map((topic) => prefix + topic));
  const postgres = await createTestDatabase();
  const teamId = await prepareDatabase(postgres.database);
  const baseDir = await Deno.makeTempDir();
  const env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: "none",
    BASE_DIR: baseDir,
    KAFKA_ENABLED: "true",
    KAFKA_HOSTS: address,
    KAFKA_PREFIX: prefix,
    KAFKA_CONSUMER_GROUP: `${prefix}group`,
    KAFKA_SESSION_SECONDS: "6",
  };
  const producer = new Producer({ clientId: "tests", bootstrapBrokers: [address] });
  return {
    env,
    database: postgres.database,
    teamId,
    baseDir,
    async produce(messages) {
      const encoder = new TextEncoder();
      await producer.send({
        acks: -1,
        messages: messages.map(({ value, key }) => ({
          topic: arriving,
          ...(value === null
            ? {}
            : { value: typeof value === "string" ? encoder.encode(value) : value }),
          ...(key === undefined ? {} : { key: encoder.encode(key) }),
        })) as Parameters<typeof producer.send>[0]["messages"],
      });
    },
    read: (topic) => readTopic(address, prefix + TOPICS[topic]),
    async [Symbol.asyncDispose]() {
      await producer.close();
      await admin.close();
      await postgres[Symbol.asyncDispose]();
      await Deno.remove(baseDir, { recursive: true });
    },
  };
}

/** Long enough for whatever a test left in a topic. */
const READ_MS = 120_000;

/** Every value of a topic, oldest first within a partition. */
export async function readTopic(address: string, topic: string): Promise<Uint8Array[]> {
  const consumer = new Consumer({
    clientId: "tests",
    groupId: `reader-${randomBytes(6).toString("hex")}`,
    bootstrapBrokers: [address],
    maxWaitTime: 100,
  });
  const ends = (await consumer.listOffsets({ topics: [topic], timestamp: -1n })).get(topic) ?? [];
  let left = ends.reduce((sum, end) => sum + Number(end), 0);
  const values: Uint8Array[] = [];
  const read = async () => {
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
    for await (const { value } of stream) {
      values.push(value);
      if (--left === 0) return true;
    }
    return false;
  };
  const isAll = left === 0 || await within(READ_MS, read());
  await consumer.close(true);
  if (!isAll) throw new Error(`${left} messages of ${topic} did not come`);
  return values;
}
