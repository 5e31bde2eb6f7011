import assert from "node:assert/strict";
import { Admin } from "@platformatic/kafka";
import type { KafkaConnection } from "../../../src/stores/kafka/connection.ts";
import { GroupMember } from "../../../src/stores/kafka/group_member.ts";
import { makeCertificates } from "../../services/certificates.ts";
import { eventually } from "../../services/eventually.ts";
import { freePort } from "../../services/free_port.ts";
import { startKafka } from "../../services/kafka.ts";
import { createTestTopic, plainConnection } from "../../services/kafka_topic.ts";
import { demandService } from "../../services/on_demand.ts";
import { type Join, memberOf, testMemberConformance } from "./member_conformance.ts";

const join: Join = (options, events) => new GroupMember(options, events);

testMemberConformance("kafka", join);

Deno.test("a group whose position is gone goes on where there is something", async () => {
  await using test = await createTestTopic();
  await test.produce(["a", "b", "c", "d", "e"].map((value) => ({ value })));
  const first = memberOf(join, test);
  await first.member.start();
  await eventually(() => first.told.values.length === 5);
  await first.member.commit(new Map([[0, 2n]]));
  await first.member.stop();
  const admin = new Admin({
    clientId: "tests",
    bootstrapBrokers: [...test.connection.brokers],
  });
  await admin.deleteRecords({
    topics: [{ name: test.topic, partitions: [{ partition: 0, offset: 4n }] }],
  });
  await admin.close();
  const second = memberOf(join, test);
  await second.member.start();
  await eventually(() => second.told.values.length === 1);
  assert.deepEqual(second.told.values, ["e"]);
  assert.deepEqual(await test.committed(), [4]);
  // As where a topic was made anew, with less in it than there was.
  await second.member.commit(new Map([[0, 100n]]));
  await second.member.stop();
  const third = memberOf(join, test);
  await third.member.start();
  await eventually(() => third.told.values.length === 1);
  await third.member.stop();
  assert.deepEqual(third.told.values, ["e"]);
  assert.deepEqual(third.told.starts.at(-1), new Map([[0, 4n]]));
  assert.deepEqual(await test.committed(), [4]);
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
      const { member, told } = memberOf(join, test, { connection, groupId });
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
