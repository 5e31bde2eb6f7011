import { clickHouseOptions, clickHouseTables } from "../config/clickhouse_options.ts";
import type { Config } from "../config/config.ts";
import { kafkaConnection } from "../config/kafka_connection.ts";
import { ClickHouse } from "../stores/clickhouse/client.ts";
import { migrateClickHouse } from "../stores/clickhouse/migrate.ts";
import { TOPICS } from "../stores/kafka/messages/output_message.ts";
import { createMissingTopics } from "../stores/kafka/topic_creation.ts";

/** Makes what is missing of Kafka's topics and ClickHouse's tables, and says what it did. */
export async function migrateKafka(config: Config): Promise<void> {
  const connection = kafkaConnection(config, "paddock-command");
  const topics = [config.KAFKA_CONSUMPTION_TOPIC ?? "", ...Object.values(TOPICS)]
    .map((topic) => (config.KAFKA_PREFIX ?? "") + topic);
  const created = await createMissingTopics(connection, topics);
  console.log(`Kafka's topics: ${created.length > 0 ? `created ${created.join(", ")}` : "there"}.`);
  const clickhouse = new ClickHouse(await clickHouseOptions(config));
  try {
    const report = await migrateClickHouse(clickhouse, clickHouseTables(config));
    const { applied, missingSchema } = report;
    console.log(`ClickHouse's tables: ${applied.length > 0 ? applied.join(", ") : "up to date"}.`);
    if (missingSchema !== null) {
      console.log(
        "ClickHouse cannot read events yet: put src/stores/clickhouse/events.proto into its folder " +
          `of format schemas (format_schema_path). It says: ${missingSchema}`,
      );
    }
  } finally {
    await clickhouse.close();
  }
}
