import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  type BaseOptions,
  crc32c,
  Producer,
  UnsupportedCompressionError,
} from "@platformatic/kafka";
import { clientOptions } from "../../../src/stores/kafka/connection.ts";
import { type KafkaRecord, PartitionReader } from "../../../src/stores/kafka/partition_reader.ts";
import { unreadableReason } from "../../../src/stores/kafka/unreadable.ts";
import { parseRecord } from "../../../src/sources/kafka/message.ts";
import { eventually } from "../../services/eventually.ts";
import { freePort } from "../../services/free_port.ts";
import { startKafka } from "../../services/kafka.ts";
import { createTestTopic, type TestMessage, type TestTopic } from "../../services/kafka_topic.ts";
import { demandService } from "../../services/on_demand.ts";
import { startTcpProxy } from "../../services/tcp_proxy.ts";

/** Of a batch of records in its second format: where its length, checksum and attributes are. */
const LENGTH_AT = 8;
const CHECKSUM_AT = 17;
const ATTRIBUTES_AT = 21;
const RECORDS_AT = 61;
/** A codec that was never given out. */
const NO_CODEC = 6;
const DAMAGED = ["gzip", "snappy", "lz4", "zstd"] as const;

Deno.test("batches in an unknown codec, and damaged ones, are passed over and told of once each; a lost request is made again", async () => {
  await demandService("kafka");
  const directory = await Deno.makeTempDir();
  const port = freePort();
  await using wire = await startTcpProxy({ host: "127.0.0.1", port });
  let broker = await startKafka({ directory, port });
  try {
    await using test = await createTestTopic(1, broker.url);
    const produce = (texts: readonly string[], compression: TestMessage["compression"] = "none") =>
      test.produce(texts.map((value) => ({ value, compression })));
    await produce(["a", "b"]);
    await produce(["unknown", "unknown", "unknown"]);
    for (const codec of DAMAGED) {
      await produce([codec]);
      await produce([`damaged ${codec}`, `damaged ${codec}`], codec);
    }
    await produce(["d"]);
    await broker.stop();
    await damageLog(
      `${directory}/data/${test.topic}-0/00000000000000000000.log`,
      (batch, index) => {
        if (index === 1) batch.writeInt16BE(NO_CODEC, ATTRIBUTES_AT);
        else if (compressionOf(batch) > 0) {
          batch.fill(0xff, RECORDS_AT);
        }
      },
    );
    const properties = [`advertised.listeners=PLAINTEXT://127.0.0.1:${wire.port}`];
    broker = await startKafka({ directory, port, properties });

    await using reading = read(test, { requestTimeout: 2_500 });
    const { records, failures } = reading;
    await eventually(() => records.length === 12 || failures.length > 0, 60_000);
    assert.deepEqual(failures, []);
    const told = records.filter(({ unreadable }) => unreadable !== undefined);
    assert.deepEqual(told.map(({ offset }) => offset), [4n, 7n, 10n, 13n, 16n]);
    assert.match(told[0]?.unreadable ?? "", /from 2 to 4 cannot be read: .*compression.* 6/);
    for (const [index, { unreadable }] of told.slice(1).entries()) {
      const first = 6 + 3 * index;
      assert.match(unreadable ?? "", new RegExp(`from ${first} to ${first + 1} cannot be read: .`));
    }
    assert.deepEqual(textsOf(records), ["a", "b", ...DAMAGED, "d"]);
    const item = parseRecord("t", told[0] as KafkaRecord);
    assert.equal(item.kind, "bad");
    assert.match(item.kind === "bad" ? item.reason : "", /^t\/0 at 4: the records from 2 to 4/);

    wire.cut();
    wire.mend(true);
    const producer = new Producer({ clientId: "tests", bootstrapBrokers: [broker.url] });
    await producer.send({
      acks: -1,
      messages: [{ topic: test.topic, value: Buffer.from("after") }],
    });
    await producer.close();
    await eventually(() => records.length === 13 || failures.length > 0, 60_000);
    assert.deepEqual(failures, []);
    assert.deepEqual(textsOf(records).slice(-1), ["after"]);
  } finally {
    await broker.kill();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("what transactions gave up is left out, and what they committed is read, however they lie", async () => {
  await using test = await createTestTopic();
  const producer = new Producer({
    clientId: "tests",
    bootstrapBrokers: [...test.connection.brokers],
    idempotent: true,
    transactionalId: test.topic,
  });
  try {
    const transaction = async (end: "commit" | "abort", values: readonly string[]) => {
      const begun = await producer.beginTransaction();
      for (const value of values) {
        const messages = [{ topic: test.topic, value: Buffer.from(value) }];
        await begun.send({ acks: -1, messages });
      }
      await begun[end]();
    };
    await transaction("abort", ["no"]);
    await transaction("commit", ["yes"]);
    // More than one answer holds: its end is not known when its beginning is read.
    await transaction("abort", Array.from({ length: 4 }, () => "no".repeat(300_000)));
    await transaction("abort", ["no"]);
    await transaction("commit", ["and yes"]);
    await test.produce([{ value: "at last" }]);
    await using reading = read(test);
    const { records, failures } = reading;
    const isDone = () => textsOf(records).includes("at last") || failures.length > 0;
    await eventually(isDone, 60_000);
    assert.deepEqual(failures, []);
    assert.deepEqual(textsOf(records), ["yes", "and yes", "at last"]);
  } finally {
    await producer.close();
  }
});

Deno.test("offsets that were compacted away are no hindrance", async () => {
  await using test = await createTestTopic(1, null, {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "100",
  });
  const put = async (key: string, value: string) => {
    await test.produce([{ key, value }]);
  };
  for (let number = 0; number < 5; number++) await put("a", `a${number}`);
  await put("b", "b");
  await put("a", "a5");
  // What is written last is never compacted.
  let fillers = 0;
  const compacted = async () => {
    await put(`last ${fillers}`, `last ${fillers++}`);
    await using reading = read(test);
    const { records } = reading;
    await eventually(() => textsOf(records).includes(`last ${fillers - 1}`), 60_000);
    return records.length < 7 + fillers ? records : null;
  };
  let records: readonly KafkaRecord[] | null = null;
  await eventually(async () => (records = await compacted()) !== null, 60_000);
  const texts = textsOf(records ?? []);
  assert.deepEqual(texts.slice(0, 2), ["b", "a5"]);
  assert.equal(texts.length, 2 + fillers);
});

Deno.test("errors of networks and brokers are not taken for records that cannot be read", () => {
  const unknown = new UnsupportedCompressionError("codec 6");
  assert.equal(
    unreadableReason(new AggregateError([new Error("x", { cause: unknown })])),
    "codec 6",
  );
  assert.match(unreadableReason(new RangeError("out of bounds")) ?? "", /bounds/);
  assert.match(unreadableReason(new WebAssembly.RuntimeError("unreachable")) ?? "", /damaged/);
  const refused = Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
  assert.equal(unreadableReason(new AggregateError([refused])), null);
  assert.equal(unreadableReason("no error"), null);
});

/** A reader of a topic's one partition from its beginning, and what it tells. */
function read({ connection, topic }: TestTopic, over: Partial<BaseOptions> = {}) {
  const records: KafkaRecord[] = [];
  const failures: unknown[] = [];
  const reader = new PartitionReader(
    { client: { ...clientOptions(connection), ...over }, topic },
    new Map([[0, 0n]]),
    {
      onRecord: (record) => records.push(record),
      onFailure: (error) => failures.push(error),
    },
  );
  reader.start();
  return {
    records,
    failures,
    [Symbol.asyncDispose]: () => Promise.resolve(reader.end()),
  };
}

function textsOf(records: readonly KafkaRecord[]): string[] {
  return records.flatMap(({ value }) => value === null ? [] : [Buffer.from(value).toString()]);
}

const compressionOf = (batch: Buffer) => batch.readInt16BE(ATTRIBUTES_AT) & 0b111;

/** Changes the batches of a log whose broker is stopped; their checksums are made right again. */
async function damageLog(
  file: string,
  damage: (batch: Buffer, index: number) => void,
): Promise<void> {
  const log = Buffer.from(await Deno.readFile(file));
  for (let at = 0, index = 0; at < log.length; index++) {
    const end = at + LENGTH_AT + 4 + log.readInt32BE(at + LENGTH_AT);
    const batch = log.subarray(at, end);
    damage(batch, index);
    batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CHECKSUM_AT);
    at = end;
  }
  await Deno.writeFile(file, log);
}
