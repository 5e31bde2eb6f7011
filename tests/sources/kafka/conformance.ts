import { KafkaSource } from "../../../src/sources/kafka/kafka_source.ts";
import { eventMessage } from "../../../src/sources/kafka/message.ts";
import { createTestTopic, type TestTopic } from "../../services/kafka_topic.ts";
import type { Join } from "../../stores/kafka/member_conformance.ts";
import { testSourceConformance } from "../source_conformance.ts";

/** Holds a source of Kafka to what every source has to do, by one client's way of being a member. */
export function testKafkaConformance(name: string, join: Join): void {
  const sourceOf = ({ connection, topic, groupId }: TestTopic) =>
    new KafkaSource(
      (events) =>
        join({
          connection,
          topic,
          groupId,
          startAt: "earliest",
          sessionMs: 6_000,
          heartbeatMs: 200,
        }, events),
      { topic, drainMs: 200, maxBuffered: 1_000, maxBufferedBytes: 1e7 },
    );
  testSourceConformance(name, async (servers) => {
    const test = await createTestTopic(servers);
    return {
      leaseTtlMs: 400,
      isPartitioned: true,
      source: () => sourceOf(test),
      append: (events) =>
        test.produce(
          events.map((event, index) => ({
            value: eventMessage(event),
            partition: index % servers,
          })),
        ),
      [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
    };
  });
}
