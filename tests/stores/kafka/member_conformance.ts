/** What every member of a group has to do, whichever client it is made of. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { PaddockError } from "../../../src/errors.ts";
import type { Membership } from "../../../src/sources/kafka/kafka_source.ts";
import type {
  GroupMemberEvents,
  GroupMemberOptions,
} from "../../../src/stores/kafka/group_member.ts";
import type { KafkaRecord } from "../../../src/stores/kafka/partition_reader.ts";
import { eventually } from "../../services/eventually.ts";
import { freePort } from "../../services/free_port.ts";
import { startKafka } from "../../services/kafka.ts";
import { createTestTopic, plainConnection, type TestTopic } from "../../services/kafka_topic.ts";
import { demandService } from "../../services/on_demand.ts";

export type Join = (options: GroupMemberOptions, events: GroupMemberEvents) => Membership;

/** A member, and what it told. */
export function memberOf(
  join: Join,
  test: Pick<TestTopic, "connection" | "topic" | "groupId">,
  over: Partial<GroupMemberOptions> = {},
) {
  const told = {
    values: [] as string[],
    records: [] as KafkaRecord[],
    starts: [] as ReadonlyMap<number, bigint>[],
    failures: [] as PaddockError[],
    onRevoke: () => Promise.resolve(),
  };
  const { connection, topic, groupId } = test;
  const member = join({
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

/** Holds one client's way of being a member to what the source of Kafka relies on. */
export function testMemberConformance(name: string, join: Join): void {
  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    Deno.test(`${name}: batches in the codec ${compression} are read`, async () => {
      await using test = await createTestTopic();
      const text = (number: number) => `${compression} 🦔 ${number}`.repeat(20);
      await test.produce(
        Array.from({ length: 50 }, (_, number) => ({ value: text(number), compression })),
      );
      await test.produce([{ value: null }]);
      const { member, told } = memberOf(join, test);
      await member.start();
      try {
        await eventually(() => told.values.length === 51);
      } finally {
        await member.stop();
      }
      assert.equal(told.values[49], text(49));
      assert.equal(told.values[50], "(none)");
      assert.deepEqual(told.records.map(({ offset }) => Number(offset)), [...told.records.keys()]);
    });
  }

  Deno.test(`${name}: a member goes on where its group has committed, and a new group where it is told to`, async () => {
    await using test = await createTestTopic();
    await test.produce(["a", "b", "c"].map((value) => ({ value })));
    const first = memberOf(join, test);
    await first.member.start();
    await eventually(() => first.told.values.length === 3);
    await first.member.commit(new Map([[0, 2n]]));
    await first.member.stop();
    assert.deepEqual(await test.committed(), [2]);
    const second = memberOf(join, test);
    await second.member.start();
    await eventually(() => second.told.values.length === 1);
    await second.member.stop();
    assert.deepEqual(second.told.values, ["c"]);

    const late = memberOf(join, test, { groupId: `${test.groupId}-late`, startAt: "latest" });
    await late.member.start();
    await eventually(() => late.told.starts.length > 0);
    await test.produce([{ value: "d" }]);
    await eventually(() => late.told.values.length === 1);
    await late.member.stop();
    assert.deepEqual(late.told.values, ["d"]);
  });

  Deno.test(`${name}: where a new group begins is committed before anything is read`, async () => {
    await using test = await createTestTopic(2);
    await test.produce([{ value: "before", partition: 0 }]);
    const { member, told } = memberOf(join, test, { startAt: "latest" });
    await member.start();
    await eventually(() => told.starts.length > 0);
    assert.deepEqual(await test.committed(), [1, 0]);
    await member.stop();
  });

  Deno.test(`${name}: a member that joins is waited for until what was taken is done, and gets its share`, async () => {
    await using test = await createTestTopic(4);
    const [one, other] = [memberOf(join, test), memberOf(join, test)];
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
    await new Promise((resolve) => setTimeout(resolve, 2_500));
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

  Deno.test(`${name}: a paused member brings nothing, and does not lose its partitions`, async () => {
    await using test = await createTestTopic();
    const { member, told } = memberOf(join, test, { sessionMs: 2_000 });
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

  Deno.test(`${name}: brokers that are away, and a topic that is not there, are said and tried again`, async () => {
    const directory = await Deno.makeTempDir();
    const port = freePort();
    await demandService("kafka");
    const connection = plainConnection(`127.0.0.1:${port}`);
    const away = memberOf(join, { connection, topic: "t", groupId: "g" });
    await away.member.start();
    assert.equal(away.told.failures[0]?.code, "PDK_KAFKA_UNAVAILABLE");
    assert.match(away.told.failures[0]?.message ?? "", /KAFKA_HOSTS/);
    let broker = await startKafka({ directory, port });
    try {
      await eventually(() => away.told.failures.some(({ code }) => code === "PDK_KAFKA_TOPIC"));
      assert.match(away.told.failures.at(-1)?.message ?? "", /'t'/);
      await away.member.stop();

      await using test = await createTestTopic(1, broker.url);
      const { member, told } = memberOf(join, test);
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
}
