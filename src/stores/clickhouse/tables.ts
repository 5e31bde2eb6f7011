/**
 * ClickHouse's tables, as PostHog's application of late 2021 makes them: for each a target table, a
 * table that reads the topic, and a view that carries rows from one to the other.
 */
import { TOPICS } from "../kafka/messages/output_message.ts";

/** Where they are made, and what they read. */
export interface TablePlace {
  readonly database: string;
  /** As ClickHouse reaches them. */
  readonly brokers: string;
  /** In front of every topic's name. */
  readonly topicPrefix: string;
  /** How long messages are gathered; 0 is ClickHouse's default. */
  readonly flushMs: number;
}

interface IngestedTable {
  readonly name: string;
  readonly topic: string;
  /** Of the table that reads the topic. */
  readonly columns: readonly string[];
  /** Of the target alone: computed from the others. */
  readonly computed?: readonly string[];
  /** In place of `columns` in the target, where they differ. */
  readonly targetColumns?: readonly string[];
  /** What the view selects, where that is not each column as it is. */
  readonly selected?: readonly string[];
  /** Engine, order, partitions and lifetime of the target. */
  readonly engine: string;
  readonly reads?: string;
}

const JSON_ROWS = "kafka_format = 'JSONEachRow', kafka_skip_broken_messages = 100";
const LATEST = "ReplacingMergeTree(_timestamp)";
const MICROSECONDS = "DateTime64(6, 'UTC')";

const groupColumn = (index: number) =>
  `\`$group_${index}\` String MATERIALIZED replaceRegexpAll(JSONExtractRaw(properties, ` +
  `'$group_${index}'), '^"|"$', '') COMMENT 'column_materializer::$group_${index}'`;

const INGESTED: readonly IngestedTable[] = [
  {
    name: "events",
    topic: TOPICS.events,
    columns: [
      "uuid UUID",
      "event String",
      "properties String",
      `timestamp ${MICROSECONDS}`,
      "team_id Int64",
      "distinct_id String",
      "elements_chain String",
      `created_at ${MICROSECONDS}`,
    ],
    computed: [0, 1, 2, 3, 4].map(groupColumn),
    engine: `${LATEST} PARTITION BY toYYYYMM(timestamp)
      ORDER BY (team_id, toDate(timestamp), distinct_id, cityHash64(uuid))
      SAMPLE BY cityHash64(uuid)`,
    reads: "kafka_format = 'Protobuf', kafka_schema = 'events:Event', " +
      "kafka_skip_broken_messages = 100",
  },
  {
    name: "person",
    topic: TOPICS.persons,
    columns: [
      "id UUID",
      "created_at DateTime64(3)",
      "team_id Int64",
      "properties String",
      "is_identified Int8",
      "is_deleted Int8 DEFAULT 0",
    ],
    engine: `${LATEST} ORDER BY (team_id, id)`,
  },
  {
    name: "person_distinct_id",
    topic: TOPICS.distinctIds,
    columns: [
      "distinct_id String",
      "person_id UUID",
      "team_id Int64",
      "_sign Nullable(Int8)",
      "is_deleted Nullable(Int8)",
    ],
    targetColumns: [
      "distinct_id String",
      "person_id UUID",
      "team_id Int64",
      "_sign Int8 DEFAULT 1",
      "is_deleted Int8 ALIAS if(_sign = -1, 1, 0)",
    ],
    selected: [
      "distinct_id",
      "person_id",
      "team_id",
      "coalesce(_sign, if(is_deleted = 0, 1, -1)) AS _sign",
    ],
    engine: "CollapsingMergeTree(_sign) ORDER BY (team_id, distinct_id, person_id)",
  },
  {
    name: "session_recording_events",
    topic: TOPICS.recordings,
    columns: [
      "uuid UUID",
      `timestamp ${MICROSECONDS}`,
      "team_id Int64",
      "distinct_id String",
      "session_id String",
      "window_id String",
      "snapshot_data String",
      `created_at ${MICROSECONDS}`,
    ],
    computed: [
      "has_full_snapshot Int8 MATERIALIZED JSONExtractBool(snapshot_data, 'has_full_snapshot') " +
      "COMMENT 'column_materializer::has_full_snapshot'",
    ],
    engine: `${LATEST} PARTITION BY toYYYYMMDD(timestamp)
      ORDER BY (team_id, toHour(timestamp), session_id, timestamp, uuid)
      TTL toDate(created_at) + INTERVAL 3 WEEK SETTINGS index_granularity = 512`,
  },
  {
    name: "groups",
    topic: TOPICS.groups,
    columns: [
      "group_type_index UInt8",
      "group_key String",
      "created_at DateTime64(3)",
      "team_id Int64",
      "group_properties String",
    ],
    engine: `${LATEST} ORDER BY (team_id, group_type_index, group_key)`,
  },
  {
    name: "plugin_log_entries",
    topic: TOPICS.pluginLogs,
    columns: [
      "id UUID",
      "team_id Int64",
      "plugin_id Int64",
      "plugin_config_id Int64",
      `timestamp ${MICROSECONDS}`,
      "source String",
      "type String",
      "message String",
      "instance_id UUID",
    ],
    engine: `${LATEST} PARTITION BY plugin_id ORDER BY (team_id, id)
      TTL toDate(timestamp) + INTERVAL 1 WEEK SETTINGS index_granularity = 512`,
  },
  {
    name: "events_dead_letter_queue",
    topic: TOPICS.deadLetters,
    columns: [
      "id UUID",
      "event_uuid UUID",
      "event String",
      "properties String",
      "distinct_id String",
      "team_id Int64",
      "elements_chain String",
      `created_at ${MICROSECONDS}`,
      "ip String",
      "site_url String",
      `now ${MICROSECONDS}`,
      "raw_payload String",
      `error_timestamp ${MICROSECONDS}`,
      "error_location String",
      "error String",
    ],
    engine: `${LATEST} ORDER BY (id, event_uuid, distinct_id, team_id)
      TTL toDate(_timestamp) + INTERVAL 4 WEEK SETTINGS index_granularity = 512`,
  },
];

/** Read by the server and filled by the application. */
const STATIC_COHORTS = `person_static_cohort (
  id UUID, person_id UUID, cohort_id Int64, team_id Int64, _timestamp DateTime, _offset UInt64
) ENGINE = ${LATEST} ORDER BY (team_id, cohort_id, person_id, id)`;

/** Statements that make every table that is not there; those that are there are left as they are. */
export function tableStatements(place: TablePlace): string[] {
  const { database } = place;
  return [
    `CREATE TABLE IF NOT EXISTS ${quotedName(database)}.${STATIC_COHORTS}`,
    ...INGESTED.flatMap((table) => ingestedTableStatements(table, place)),
  ];
}

function ingestedTableStatements(table: IngestedTable, place: TablePlace): string[] {
  const { name, topic, columns, computed = [], targetColumns = columns } = table;
  const { brokers, topicPrefix, flushMs } = place;
  const prefix = quotedName(place.database);
  const selected = table.selected ?? columns.map((column) => column.split(" ")[0] ?? "");
  const virtual = ["_timestamp DateTime", "_offset UInt64"];
  return [
    `CREATE TABLE IF NOT EXISTS ${prefix}.${name} (
      ${[...targetColumns, ...computed, ...virtual].join(",\n      ")}
    ) ENGINE = ${table.engine}`,
    `CREATE TABLE IF NOT EXISTS ${prefix}.kafka_${name} (
      ${columns.map((column) => column.replace(/ DEFAULT .*/, "")).join(",\n      ")}
    ) ENGINE = Kafka SETTINGS
      kafka_broker_list = ${quotedText(brokers)},
      kafka_topic_list = ${quotedText(topicPrefix + topic)},
      kafka_group_name = ${quotedText(`${topicPrefix}group1`)},
      ${table.reads ?? JSON_ROWS}${flushMs > 0 ? `, kafka_flush_interval_ms = ${flushMs}` : ""}`,
    `CREATE MATERIALIZED VIEW IF NOT EXISTS ${prefix}.${name}_mv TO ${prefix}.${name} AS
    SELECT ${[...selected, "_timestamp", "_offset"].join(", ")} FROM ${prefix}.kafka_${name}`,
  ];
}

function quotedName(name: string): string {
  return `\`${name.replace(/[\\`]/g, "\\$&")}\``;
}

function quotedText(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
