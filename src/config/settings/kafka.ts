/** Settings of Kafka and ClickHouse. */
import type { Setting } from "../setting.ts";
import { boolean, choice, number, SECRET, text } from "./kinds.ts";

export const KAFKA_SETTINGS = {
  KAFKA_ENABLED: boolean(
    "Kafka",
    false,
    "Take events from Kafka and write them to Kafka for ClickHouse.",
  ),
  KAFKA_HOSTS: text("Kafka", null, "Brokers, separated by commas."),
  KAFKA_PREFIX: text("Kafka", "", "In front of the name of every topic."),
  KAFKA_CONSUMPTION_TOPIC: text("Kafka", "events_plugin_ingestion", "Topic that events arrive on."),
  KAFKA_CONSUMER_GROUP: text(
    "Kafka",
    "clickhouse-ingestion",
    "Consumer group of the servers that share the topic's partitions.",
  ),
  KAFKA_START_AT: choice(
    "Kafka",
    "earliest",
    ["earliest", "latest"],
    "Where a partition begins of which the group has committed nothing yet.",
  ),
  KAFKA_SESSION_SECONDS: number(
    "Kafka",
    30,
    "A server that is silent for so long loses its partitions to the others.",
    { min: 1 },
  ),
  KAFKA_SSL: boolean(
    "Kafka",
    false,
    "Reach brokers by TLS; also on with a certificate or an authority below.",
  ),
  KAFKA_CLIENT_CERT_B64: text(
    "Kafka",
    null,
    "Client certificate (PEM, base64), with its key.",
    SECRET,
  ),
  KAFKA_CLIENT_CERT_KEY_B64: text(
    "Kafka",
    null,
    "Key of the client certificate (PEM, base64).",
    SECRET,
  ),
  KAFKA_TRUSTED_CERT_B64: text(
    "Kafka",
    null,
    "Authority that brokers are checked against (PEM, base64).",
  ),
  KAFKA_SSL_CHECK_HOSTNAME: boolean(
    "Kafka",
    false,
    "Whether a broker's certificate has to name its host, too; hosted ones often do not.",
  ),
  KAFKA_SASL_MECHANISM: choice(
    "Kafka",
    "none",
    ["none", "plain", "scram-sha-256", "scram-sha-512"],
    "How to log in at brokers.",
  ),
  KAFKA_SASL_USER: text("Kafka", null, "User name, with KAFKA_SASL_MECHANISM."),
  KAFKA_SASL_PASSWORD: text("Kafka", null, "Password, with KAFKA_SASL_MECHANISM.", SECRET),
  KAFKA_PRODUCER_MAX_QUEUE_SIZE: number(
    "Kafka",
    1000,
    "Messages in one produced batch at most; 0 sets no limit.",
    { min: 0, integer: true },
  ),
  KAFKA_FLUSH_FREQUENCY_MS: number(
    "Kafka",
    500,
    "How long a message that nobody waits for (a line of a plugin's log) waits for others.",
    { min: 0, integer: true },
  ),
  KAFKA_MAX_MESSAGE_BATCH_SIZE: number(
    "Kafka",
    900000,
    "Bytes in one produced batch at most; a larger message is sent alone.",
    { min: 1, integer: true },
  ),
  CLICKHOUSE_HOST: text(
    "ClickHouse",
    "localhost",
    "ClickHouse, with KAFKA_ENABLED: host or host:port.",
  ),
  CLICKHOUSE_DATABASE: text("ClickHouse", "default", "ClickHouse database."),
  CLICKHOUSE_USER: text("ClickHouse", "default", "ClickHouse user."),
  CLICKHOUSE_PASSWORD: text("ClickHouse", null, "ClickHouse password.", SECRET),
  CLICKHOUSE_CA: text(
    "ClickHouse",
    null,
    "File with the authority that ClickHouse is checked against, relative to BASE_DIR.",
  ),
  CLICKHOUSE_SECURE: boolean("ClickHouse", false, "Reach ClickHouse by TLS."),
  CLICKHOUSE_KAFKA_HOSTS: text(
    "ClickHouse",
    "",
    "Brokers as ClickHouse reaches them, for the tables that --migrate makes; empty is KAFKA_HOSTS.",
  ),
  CLICKHOUSE_KAFKA_FLUSH_MS: number(
    "ClickHouse",
    0,
    "How long the tables that --migrate makes gather messages before they are rows; 0 is ClickHouse's default (7500).",
    { min: 0, integer: true },
  ),
} as const satisfies Record<string, Setting>;
