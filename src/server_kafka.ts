/** The part of the composition root that is about Kafka. */
import { clickHouseOptions } from "./config/clickhouse_options.ts";
import type { Config } from "./config/config.ts";
import { kafkaConnection } from "./config/kafka_connection.ts";
import type { EventHistory } from "./jobs/historical_export.ts";
import type { Inbox } from "./sources/inbox.ts";
import { KafkaInbox } from "./sources/kafka/kafka_inbox.ts";
import { KafkaSource } from "./sources/kafka/kafka_source.ts";
import type { Source } from "./sources/source.ts";
import type { StopStack } from "./stop_stack.ts";
import { ClickHouse } from "./stores/clickhouse/client.ts";
import { StaticCohorts } from "./stores/clickhouse/static_cohorts.ts";
import { ClickHouseStoredEvents } from "./stores/clickhouse/stored_events.ts";
import { ClickHouseWatch } from "./stores/clickhouse/watch.ts";
import { KafkaEventOutput } from "./stores/kafka/event_output.ts";
import { GroupMember } from "./stores/kafka/group_member.ts";
import { refusedMessageLetter } from "./stores/kafka/messages/dead_letter_message.ts";
import type { OutputMessage } from "./stores/kafka/messages/output_message.ts";
import {
  type PluginLogLine,
  pluginLogMessage,
} from "./stores/kafka/messages/plugin_log_message.ts";
import { KafkaProducer } from "./stores/kafka/producer.ts";
import { KafkaRelay } from "./stores/kafka/relay.ts";
import type { Database } from "./stores/postgres/database.ts";
import { DeadLetters } from "./stores/postgres/dead_letters.ts";
import type { EventOutput } from "./stores/postgres/events/event_store.ts";
import { KafkaOutbox } from "./stores/postgres/kafka_outbox/kafka_outbox.ts";
import type { Observer } from "./telemetry/observer.ts";
import { VERSION } from "./version.ts";

/** What a server in Kafka mode does through Kafka. */
export interface KafkaParts {
  readonly source: Source;
  /** For events that arrive otherwise, and for those that plugins capture. */
  readonly inbox: Inbox;
  readonly output: EventOutput;
  /** Where events of before are. */
  readonly history: EventHistory;
  /** Cohorts of uploaded lists. */
  readonly cohorts: StaticCohorts;
  /** Sends lines of plugins' logs. */
  readonly forwardLog: (line: PluginLogLine) => void;
  /** Why nothing is stored in Kafka now, or null. */
  readonly unavailable: string | null;
  /** The same of ClickHouse. */
  readonly clickhouse: { readonly unavailable: string | null };
}

export interface KafkaNeeds {
  readonly database: Database;
  /** Shown to the brokers. */
  readonly serverId: string;
  /** For events that are larger than Kafka takes. */
  readonly tooLarge: Inbox;
  readonly observer: Observer;
}

const CLICKHOUSE_LOOK_MS = 10_000;
const RELAY_POLL_MS = 200;
/** Partitions are held back for so long at a rebalance; the brokers allow a minute. */
const LONGEST_DRAIN_MS = 20_000;
const BUFFER = { maxBuffered: 2_000, maxBufferedBytes: 16 * 1024 * 1024 };

/** Null where Kafka is not asked for. What is started is put on `started`. */
export async function startKafka(
  config: Config,
  needs: KafkaNeeds,
  started: StopStack,
): Promise<KafkaParts | null> {
  if (!config.KAFKA_ENABLED) return null;
  const { database, serverId, tooLarge, observer } = needs;
  const connection = kafkaConnection(config, `plugin-server-v${VERSION}-${serverId}`);
  const prefix = config.KAFKA_PREFIX ?? "";
  const producer = (name: string) => {
    const made = new KafkaProducer({
      connection,
      prefix,
      maxMessages: config.KAFKA_PRODUCER_MAX_QUEUE_SIZE,
      maxBytes: config.KAFKA_MAX_MESSAGE_BATCH_SIZE,
      flushMs: config.KAFKA_FLUSH_FREQUENCY_MS,
      observer,
    });
    started.push(`kafka ${name}`, () => made.close());
    return made;
  };
  // One for each purpose: a topic that is missing holds up nothing but what goes there.
  const logs = producer("plugin logs");
  const accepted = producer("accepted events");
  const relayed = producer("people");
  const events = producer("events");
  const sender = (through: KafkaProducer) => async (messages: readonly OutputMessage[]) =>
    (await through.send(messages)).map(({ message, reason }) =>
      refusedMessageLetter(message, reason)
    );
  const deadLetters = new DeadLetters();
  const outbox = new KafkaOutbox({ database, deadLetters });
  const relay = new KafkaRelay(outbox, sender(relayed), { pollMs: RELAY_POLL_MS });
  relay.start();
  started.push("kafka relay", () => relay.stop());
  const clickhouse = new ClickHouse(await clickHouseOptions(config), observer);
  started.push("clickhouse", () => clickhouse.close());
  const watch = new ClickHouseWatch(clickhouse);
  watch.start(CLICKHOUSE_LOOK_MS);
  started.push("clickhouse watch", () => watch.stop());
  const topic = config.KAFKA_CONSUMPTION_TOPIC ?? "";
  const sessionMs = config.KAFKA_SESSION_SECONDS * 1000;
  return {
    source: new KafkaSource(
      (told) =>
        new GroupMember({
          connection,
          topic: prefix + topic,
          groupId: config.KAFKA_CONSUMER_GROUP ?? "",
          startAt: config.KAFKA_START_AT,
          sessionMs,
          heartbeatMs: sessionMs / 10,
        }, told),
      { topic: prefix + topic, drainMs: Math.min(sessionMs * 0.6, LONGEST_DRAIN_MS), ...BUFFER },
    ),
    inbox: new KafkaInbox(topic, (messages) => accepted.send(messages), tooLarge),
    output: new KafkaEventOutput({
      outbox,
      deadLetters,
      send: sender(events),
      onOrdered: () => relay.notify(),
    }),
    cohorts: new StaticCohorts(clickhouse),
    history: new ClickHouseStoredEvents(clickhouse),
    forwardLog: (line) => logs.post(pluginLogMessage(line)),
    get unavailable() {
      return events.unavailable ?? relayed.unavailable ?? accepted.unavailable ?? relay.unavailable;
    },
    clickhouse: watch,
  };
}
