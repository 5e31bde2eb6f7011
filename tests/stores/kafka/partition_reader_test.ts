import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { crc32c, UnsupportedCompressionError } from "@platformatic/kafka";
import { clientOptions } from "../../../src/stores/kafka/connection.ts";
import { type KafkaRecord, PartitionReader } from "../../../src/stores/kafka/partition_reader.ts";
import { unreadableReason } from "../../../src/stores/kafka/unreadable.ts";
import { parseRecord } from "../../../src/sources/kafka/message.ts";
import { eventually } from "../../services/eventually.ts";
import { freePort } from "../../services/free_port.ts";
import { startKafka } from "../../services/kafka.ts";
import { createTestTopic } from "../../services/kafka_topic.ts";
import { demandService } from "../../services/on_demand.ts";

/** Of a batch of records in its second format: where its length, checksum and attributes are. */
const LENGTH_AT = 8;
const CHECKSUM_AT = 17;
const ATTRIBUTES_AT = 21;
/** A codec that was never given out. */
const NO_CODEC = 6;

Deno.test("batches in an unknown codec, and damaged ones, are passed over and told of once each", async () => {
  await demandService("kafka");
  const directory = await Deno.makeTempDir();
  const port = freePort();
  let broker = await startKafka({ directory, port });
  try {
    await using test = await createTestTopic(1, broker.url);
    const produce = (texts: readonly string[], compression: "none" | "zstd" = "none") =>
      test.produce(texts.map((value) => ({ value, compression })));
    await produce(["a", "b"]);
    await produce(["unknown", "unknown", "unknown"]);
    await produce(["c"]);
    await produce(["damaged", "damaged"], "zstd");
    await produce(["d"]);
    await broker.stop();
    await damageLog(
      `${directory}/data/${test.topic}-0/00000000000000000000.log`,
      (batch, index) => {
        if (index === 1) batch.writeInt16BE(NO_CODEC, ATTRIBUTES_AT);
        if (index === 3) batch.fill(0xff, batch.length - 8);
      },
    );
    broker = await startKafka({ directory, port });

    const records: KafkaRecord[] = [];
    const failures: unknown[] = [];
    const reader = new PartitionReader(
      { client: clientOptions(test.connection), topic: test.topic, startAt: "earliest" },
      new Map([[0, 0n]]),
      {
        onRecord: (record) => records.push(record),
        onFailure: (error) => failures.push(error),
      },
    );
    reader.start();
    await eventually(() => records.length === 6 || failures.length > 0, 60_000);
    reader.end();
    assert.deepEqual(failures, []);
    const told = records.filter(({ unreadable }) => unreadable !== undefined);
    assert.deepEqual(told.map(({ offset }) => offset), [4n, 7n]);
    assert.match(told[0]?.unreadable ?? "", /from 2 to 4 cannot be read: .*compression.* 6/);
    assert.match(told[1]?.unreadable ?? "", /from 6 to 7 cannot be read/);
    const read = records.flatMap(({ value }) =>
      value === null ? [] : [Buffer.from(value).toString()]
    );
    assert.deepEqual([...new Set(read)], ["a", "b", "c", "d"]);
    const item = parseRecord("t", told[0] as KafkaRecord);
    assert.equal(item.kind, "bad");
    assert.match(item.kind === "bad" ? item.reason : "", /^t\/0 at 4: the records from 2 to 4/);
  } finally {
    await broker.kill();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("errors of networks and brokers are not taken for records that cannot be read", () => {
  const unknown = new UnsupportedCompressionError("codec 6");
  assert.equal(
    unreadableReason(new AggregateError([new Error("x", { cause: unknown })])),
    "codec 6",
  );
  assert.match(unreadableReason(new RangeError("out of bounds")) ?? "", /bounds/);
  const refused = Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
  assert.equal(unreadableReason(new AggregateError([refused])), null);
  assert.equal(unreadableReason("no error"), null);
});

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
