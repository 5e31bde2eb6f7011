import { randomBytes } from "node:crypto";
import { Admin, Producer } from "@platformatic/kafka";
import type { KafkaConnection } from "../../src/stores/kafka/connection.ts";
import { demandService } from "./on_demand.ts";

/** A topic and a group of its own on the test Kafka. */
export interface TestTopic extends AsyncDisposable {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  /** Resolves once they are stored. */
  produce(messages: readonly TestMessage[]): Promise<void>;
  /** What the group has committed, by partition; -1 where nothing. */
  committed(): Promise<number[]>;
}

export interface TestMessage {
  readonly value: string | Uint8Array | null;
  readonly key?: string;
  readonly partition?: number;
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
}

export function plainConnection(address: string): KafkaConnection {
  return { brokers: [address], clientId: "paddock-tests", tls: null, sasl: null };
}

/** Disposing deletes the topic. */
export async function createTestTopic(
  partitions = 1,
  address: string | null = null,
  configs: Readonly<Record<string, string>> = {},
): Promise<TestTopic> {
  const broker = address ?? await demandService("kafka");
  const connection = plainConnection(broker);
  const topic = `test-${randomBytes(6).toString("hex")}`;
  const groupId = `${topic}-group`;
  const admin = new Admin({ clientId: "paddock-tests", bootstrapBrokers: [broker] });
  await admin.createTopics({
    topics: [topic],
    partitions,
    replicas: 1,
    configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
  });
  const producer = new Producer({ clientId: "paddock-tests", bootstrapBrokers: [broker] });
  return {
    connection,
    topic,
    groupId,
    async produce(messages) {
      const { compression = "none" } = messages[0] ?? {};
      await producer.send({
        acks: -1,
        compression,
        messages: messages.map(({ value, key, partition }) => ({
          topic,
          ...(value === null
            ? {}
            : { value: typeof value === "string" ? new TextEncoder().encode(value) : value }),
          ...(key === undefined ? {} : { key: new TextEncoder().encode(key) }),
          ...(partition === undefined ? {} : { partition }),
        })) as Parameters<typeof producer.send>[0]["messages"],
      });
    },
    async committed() {
      const [group] = await admin.listConsumerGroupOffsets({ groups: [groupId] });
      const found = group?.topics.find(({ name }) => name === topic)?.partitions ?? [];
      const offsets = new Array<number>(partitions).fill(-1);
      for (const { partitionIndex, committedOffset } of found) {
        offsets[partitionIndex] = Number(committedOffset);
      }
      return offsets;
    },
    async [Symbol.asyncDispose]() {
      await producer.close();
      await admin.deleteTopics({ topics: [topic] }).catch(() => {});
      await admin.close();
    },
  };
}
