import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Admin } from "@platformatic/kafka";
import { PaddockError } from "../../../src/errors.ts";
import type { OutputMessage } from "../../../src/stores/kafka/messages/output_message.ts";
import { KafkaProducer, type KafkaProducerOptions } from "../../../src/stores/kafka/producer.ts";
import { eventually } from "../../services/eventually.ts";
import { freePort } from "../../services/free_port.ts";
import { startKafka } from "../../services/kafka.ts";
import { readTopic } from "../../services/kafka_mode.ts";
import { createTestTopic, type TestTopic } from "../../services/kafka_topic.ts";
import { demandService } from "../../services/on_demand.ts";

function producerOf(
  { connection }: Pick<TestTopic, "connection">,
  over: Partial<KafkaProducerOptions> = {},
): KafkaProducer {
  return new KafkaProducer({
    connection,
    prefix: "",
    maxMessages: 100,
    maxBytes: 900_000,
    flushMs: 50,
    ...over,
  });
}

function message(topic: string, text: string, order: string | null = null): OutputMessage {
  return { topic, key: null, value: Buffer.from(text), order };
}

const texts = async ({ connection, topic }: TestTopic) =>
  (await readTopic(connection.brokers[0] ?? "", topic)).map((value) =>
    Buffer.from(value).toString()
  );

Deno.test("what was sent is stored, in the order in which it was sent", async () => {
  await using test = await createTestTopic();
  const producer = producerOf(test, { maxMessages: 7 });
  const sends = Array.from({ length: 20 }, (_, send) =>
    producer.send(
      Array.from({ length: 5 }, (_, index) => message(test.topic, String(send * 5 + index))),
    ));
  for (const refused of await Promise.all(sends)) assert.deepEqual(refused, []);
  assert.deepEqual(await texts(test), Array.from({ length: 100 }, (_, index) => String(index)));
  await producer.close();
});

Deno.test("messages of one order lie in one partition, of several in several", async () => {
  await using test = await createTestTopic(4);
  const producer = producerOf(test);
  const orders = ["a", "b", "c", "d", "e", "f", "g", "h"];
  await producer.send(
    Array.from({ length: 80 }, (_, index) => {
      const order = orders[index % 8] as string;
      return message(test.topic, `${order}${Math.floor(index / 8)}`, order);
    }),
  );
  const found = await texts(test);
  for (const order of orders) {
    assert.deepEqual(
      found.filter((text) => text.startsWith(order)),
      Array.from({ length: 10 }, (_, index) => `${order}${index}`),
    );
  }
  const admin = new Admin({ clientId: "tests", bootstrapBrokers: [...test.connection.brokers] });
  const [offsets] = await admin.listOffsets({
    topics: [{
      name: test.topic,
      partitions: [0, 1, 2, 3].map((partitionIndex) => ({ partitionIndex, timestamp: -1n })),
    }],
  });
  await admin.close();
  const used = offsets?.partitions.filter(({ offset }) => offset > 0n) ?? [];
  assert.ok(used.length > 1);
  await producer.close();
});

Deno.test("a message larger than the topic takes is refused, and the others are stored", async () => {
  await using test = await createTestTopic();
  const producer = producerOf(test, { maxBytes: 3_000_000 });
  const huge = message(test.topic, "x".repeat(1_100_000));
  const large = message(test.topic, "y".repeat(900_000));
  const [refused, none] = await Promise.all([
    producer.send([message(test.topic, "before"), huge, message(test.topic, "after")]),
    producer.send([large]),
  ]);
  assert.deepEqual(refused.map((each) => each.message), [huge]);
  assert.match(refused[0]?.reason ?? "", /1100000 bytes/);
  assert.deepEqual(none, []);
  assert.deepEqual((await texts(test)).map(({ length }) => length), [6, 5, 900_000]);
  await producer.close();
});

Deno.test("what nobody waits for is sent after a while, or when the producer closes", async () => {
  await using test = await createTestTopic();
  const producer = producerOf(test);
  producer.post(message(test.topic, "one"));
  await eventually(async () => (await texts(test)).length === 1);
  producer.post(message(test.topic, "two"));
  await producer.close();
  assert.deepEqual(await texts(test), ["one", "two"]);
});

Deno.test("brokers that are away are said to who sends, and answer again once they are there", async () => {
  await demandService("kafka");
  const directory = await Deno.makeTempDir();
  const port = freePort();
  let broker = await startKafka({ directory, port });
  try {
    await using test = await createTestTopic(1, broker.url);
    const producer = producerOf(test);
    await producer.send([message(test.topic, "first")]);
    await broker.kill();
    await assert.rejects(
      producer.send([message(test.topic, "second")]),
      (error: unknown) => error instanceof PaddockError && error.retryable,
    );
    assert.match(producer.unavailable ?? "", /KAFKA_HOSTS/);
    broker = await startKafka({ directory, port });
    await eventually(
      () => producer.send([message(test.topic, "second")]).then(() => true, () => false),
      40_000,
    );
    assert.equal(producer.unavailable, null);
    assert.deepEqual([...new Set(await texts(test))], ["first", "second"]);
    await producer.close();
  } finally {
    await broker.kill();
    await Deno.remove(directory, { recursive: true });
  }
});
