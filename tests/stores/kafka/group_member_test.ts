import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { PaddockError } from "../../../src/errors.ts";
import type { KafkaConnection } from "../../../src/stores/kafka/connection.ts";
import { GroupMember, type GroupMemberOptions } from "../../../src/stores/kafka/group_member.ts";
import type { KafkaRecord } from "../../../src/stores/kafka/partition_reader.ts";
import { makeCertificates } from "../../services/certificates.ts";
import { eventually } from "../../services/eventually.ts";
import { freePort } from "../../services/free_port.ts";
import { startKafka } from "../../services/kafka.ts";
import { createTestTopic, plainConnection, type TestTopic } from "../../services/kafka_topic.ts";
import { demandService } from "../../services/on_demand.ts";

/** A member, and what it told. */
function memberOf(test: TestTopic, over: Partial<GroupMemberOptions> = {}) {
  const told = {
    values: [] as string[],
    records: [] as KafkaRecord[],
    starts: [] as ReadonlyMap<number, bigint>[],
    failures: [] as PaddockError[],
    onRevoke: () => Promise.resolve(),
  };
  const { connection, topic, groupId } = test;
  const member = new GroupMember({
    connection,
    topic,
    groupId,
    startAt: "earliest",
    sessionMs: 6_000,
    heartbeatMs: 200,
    ...over,
  }, {
    onRecord: (record) => {
      told.records.push(record);
      told.values.push(record.value === null ? "(none)" : Buffer.from(record.value).toString());
    },
    onRevoke: () => told.onRevoke(),
    onAssigned: (starts) => told.starts.push(starts),
    onFailure: (error) => told.failures.push(error),
  });
  return { member, told };
}

const partitionsOf = (starts: readonly ReadonlyMap<number, bigint>[]) =>
  [...(starts.at(-1)?.keys() ?? [])].sort();

Deno.test("batches in every codec that producers use are read", async () => {
  await using test = await createTestTopic();
  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    const values = Array.from(
      { length: 50 },
      (_, number) => `${compression} 🦔 ${number}`.repeat(20),
    );
    await test.produce(values.map((value) => ({ value, compression })));
  }
  await test.produce([{ value: null }]);
  const { member, told } = memberOf(test);
  await member.start();
  await eventually(() => told.values.length === 251);
  await member.stop();
  assert.equal(told.values[60], "gzip 🦔 10".repeat(20));
  assert.equal(told.values[249], "zstd 🦔 49".repeat(20));
  assert.equal(told.values[250], "(none)");
  assert.deepEqual(told.records.map(({ offset }) => Number(offset)), [...told.records.keys()]);
});

Deno.test("a member goes on where its group has committed, and a new group where it is told to", async () => {
  await using test = await createTestTopic();
  await test.produce(["a", "b", "c"].map((value) => ({ value })));
  const first = memberOf(test);
  await first.member.start();
  await eventually(() => first.told.values.length === 3);
  await first.member.commit(new Map([[0, 2n]]));
  await first.member.stop();
  assert.deepEqual(await test.committed(), [2]);
  const second = memberOf(test);
  await second.member.start();
  await eventually(() => second.told.values.length === 1);
  await second.member.stop();
  assert.deepEqual(second.told.values, ["c"]);

  const late = memberOf(test, { groupId: `${test.groupId}-late`, startAt: "latest" });
  await late.member.start();
  await eventually(() => late.told.starts.length > 0);
  await test.produce([{ value: "d" }]);
  await eventually(() => late.told.values.length === 1);
  await late.member.stop();
  assert.deepEqual(late.told.values, ["d"]);
});

Deno.test("where a new group begins is committed before anything is read", async () => {
  await using test = await createTestTopic(2);
  await test.produce([{ value: "before", partition: 0 }]);
  const { member, told } = memberOf(test, { startAt: "latest" });
  await member.start();
  await eventually(() => told.starts.length > 0);
  assert.deepEqual(await test.committed(), [1, 0]);
  await member.stop();
});

Deno.test("a member that joins is waited for until what was taken is done, and gets its share", async () => {
  await using test = await createTestTopic(4);
  const [one, other] = [memberOf(test), memberOf(test)];
  await one.member.start();
  await eventually(() => one.told.starts.length === 1);
  assert.deepEqual(partitionsOf(one.told.starts), [0, 1, 2, 3]);
  await test.produce([{ value: "x", partition: 2 }]);
  await eventually(() => one.told.values.length === 1);
  const done = Promise.withResolvers<void>();
  let committed = false;
  one.told.onRevoke = async () => {
    await done.promise;
    await one.member.commit(new Map([[2, 1n]]));
    committed = true;
  };
  const joining = other.member.start();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(other.told.starts.length, 0);
  done.resolve();
  await joining;
  await eventually(() => one.told.starts.length === 2 && other.told.starts.length > 0);
  assert.ok(committed);
  assert.deepEqual(
    [...partitionsOf(one.told.starts), ...partitionsOf(other.told.starts)].sort(),
    [0, 1, 2, 3],
  );
  assert.deepEqual((await test.committed())[2], 1);
  await one.member.stop();
  await eventually(() => partitionsOf(other.told.starts).length === 4);
  await other.member.stop();
  assert.deepEqual(other.told.values, []);
});

Deno.test("a paused member brings nothing, and does not lose its partitions", async () => {
  await using test = await createTestTopic();
  const { member, told } = memberOf(test, { sessionMs: 2_000 });
  await member.start();
  await eventually(() => told.starts.length === 1);
  member.pause();
  // What was asked for before the pause may still come.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await test.produce([{ value: "later" }]);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  const before = told.values.length;
  member.resume();
  await eventually(() => told.values.length === 1);
  await member.stop();
  assert.equal(before, 0);
  assert.equal(told.starts.length, 1);
});

Deno.test("brokers that are away, and a topic that is not there, are said and tried again", async () => {
  const directory = await Deno.makeTempDir();
  const port = freePort();
  await demandService("kafka");
  const connection = plainConnection(`127.0.0.1:${port}`);
  const away = memberOf({ connection, topic: "t", groupId: "g" } as TestTopic);
  await away.member.start();
  assert.equal(away.told.failures[0]?.code, "PDK_KAFKA_UNAVAILABLE");
  assert.match(away.told.failures[0]?.message ?? "", /KAFKA_HOSTS/);
  let broker = await startKafka({ directory, port });
  try {
    await eventually(() => away.told.failures.some(({ code }) => code === "PDK_KAFKA_TOPIC"));
    assert.match(away.told.failures.at(-1)?.message ?? "", /'t'/);
    await away.member.stop();

    await using test = await createTestTopic(1, broker.url);
    const { member, told } = memberOf(test);
    await member.start();
    await test.produce([{ value: "one" }]);
    await eventually(() => told.values.length === 1);
    await broker.kill();
    await eventually(() => told.failures.length > 0);
    broker = await startKafka({ directory, port });
    await eventually(() => told.starts.length > 1, 40_000);
    await test.produce([{ value: "two" }]);
    await eventually(() => told.values.includes("two"));
    await member.commit(new Map([[0, 2n]]));
    await member.stop();
  } finally {
    await broker.kill();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("TLS with a client's certificate, and SASL in each of its ways", async () => {
  await demandService("kafka");
  const directory = await Deno.makeTempDir();
  const pem = await makeCertificates(directory);
  const [tlsPort, saslPort] = [freePort(), freePort()];
  const broker = await startKafka({
    directory: `${directory}/kafka`,
    listeners: [`SSL://127.0.0.1:${tlsPort}`, `SASL_PLAINTEXT://127.0.0.1:${saslPort}`],
    properties: [
      "ssl.keystore.type=PEM",
      `ssl.keystore.location=${directory}/broker.pem`,
      "ssl.truststore.type=PEM",
      `ssl.truststore.location=${directory}/ca.crt`,
      "ssl.client.auth=required",
      "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
      "listener.name.sasl_plaintext.plain.sasl.jaas.config=" +
      "org.apache.kafka.common.security.plain.PlainLoginModule required " +
      'user_paddock="secret";',
      ...["256", "512"].map((bits) =>
        `listener.name.sasl_plaintext.scram-sha-${bits}.sasl.jaas.config=` +
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
      ),
    ],
    scram: ["256", "512"].map((bits) => `SCRAM-SHA-${bits}=[name=paddock,password=secret]`),
  });
  try {
    await using test = await createTestTopic(1, broker.url);
    await test.produce([{ value: "x" }]);
    const reads = async (connection: KafkaConnection, groupId: string) => {
      const { member, told } = memberOf(test, { connection, groupId });
      await member.start();
      await eventually(() => told.values.length === 1 || told.failures.length > 0);
      await member.stop();
      return told.failures[0]?.message ?? told.values[0];
    };
    const base = plainConnection(`127.0.0.1:${tlsPort}`);
    const tls = { ca: pem.ca, certificate: pem.certificate, key: pem.key, checksHostname: false };
    assert.equal(await reads({ ...base, tls }, "tls"), "x");
    const other = await reads({ ...base, tls: { ...tls, ca: pem.otherCa } }, "wrong-authority");
    assert.match(String(other), /certificate/i);
    const atSasl = plainConnection(`127.0.0.1:${saslPort}`);
    for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const) {
      const sasl = { mechanism, username: "paddock", password: "secret" };
      assert.equal(await reads({ ...atSasl, sasl }, `sasl-${mechanism}`), "x");
      const wrong = { ...sasl, password: "wrong" };
      const refused = await reads({ ...atSasl, sasl: wrong }, `no-${mechanism}`);
      assert.match(String(refused), /authentication/i, mechanism);
    }
  } finally {
    await broker.kill();
    await Deno.remove(directory, { recursive: true });
  }
});
