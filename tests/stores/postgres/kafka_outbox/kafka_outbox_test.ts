import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { DeadLetter } from "../../../../src/events/dead_letter.ts";
import { refusedMessageLetter } from "../../../../src/stores/kafka/messages/dead_letter_message.ts";
import type { OutputMessage } from "../../../../src/stores/kafka/messages/output_message.ts";
import { DeadLetters } from "../../../../src/stores/postgres/dead_letters.ts";
import type { Database } from "../../../../src/stores/postgres/database.ts";
import { KafkaOutbox } from "../../../../src/stores/postgres/kafka_outbox/kafka_outbox.ts";
import { createTestDatabase } from "../../../services/database.ts";
import { prepareDatabase } from "../../../services/pipeline.ts";

const LIMIT = { rows: 100, bytes: 1e7 };

function message(text: string): OutputMessage {
  return { topic: "t", key: `key ${text}`, order: `order ${text}`, value: Buffer.from(text) };
}

function outboxOf(database: Database): KafkaOutbox {
  return new KafkaOutbox({ database, deadLetters: new DeadLetters() });
}

async function rowsLeft(database: Database): Promise<number> {
  return (await database.query("SELECT 1 FROM paddock.kafka_outbox")).length;
}

/** Relays all there is. Resolves with what was sent, in order. */
async function relayed(outbox: KafkaOutbox): Promise<OutputMessage[]> {
  const sent: OutputMessage[] = [];
  while (
    await outbox.relay((messages) => {
      sent.push(...messages);
      return Promise.resolve([]);
    }, LIMIT) > 0
  );
  return sent;
}

const textsOf = (messages: readonly OutputMessage[]) =>
  messages.map(({ value }) => Buffer.from(value).toString());

Deno.test("messages come out as they went in, and only of what was committed", async () => {
  await using test = await createTestDatabase();
  await prepareDatabase(test.database);
  const outbox = outboxOf(test.database);
  const bytes = { topic: "b", key: null, order: null, value: Uint8Array.of(0, 255, 7) };
  await test.database.transaction((tx) => outbox.append(tx, [message("🦔"), bytes]));
  await assert.rejects(test.database.transaction(async (tx) => {
    await outbox.append(tx, [message("rolled back")]);
    throw new Error("no");
  }));
  const [first, second, ...more] = await relayed(outbox);
  assert.deepEqual(first && { ...first, value: Buffer.from(first.value).toString() }, {
    topic: "t",
    key: "key 🦔",
    order: "order 🦔",
    value: "🦔",
  });
  assert.deepEqual(second && { ...second, value: [...second.value] }, {
    ...bytes,
    value: [0, 255, 7],
  });
  assert.deepEqual(more, []);
  assert.equal(await rowsLeft(test.database), 0);
});

Deno.test("what another transaction says of the same person is relayed after what the first said", async () => {
  await using test = await createTestDatabase();
  await prepareDatabase(test.database);
  await test.database.query("CREATE TABLE person (id int PRIMARY KEY, n int)");
  await test.database.query("INSERT INTO person SELECT id, 0 FROM generate_series(1, 3) AS id");
  const outboxes = [outboxOf(test.database), outboxOf(test.database)];
  const sent: string[] = [];
  let isDone = false;
  const relay = (async () => {
    while (true) {
      const last = isDone;
      sent.push(...textsOf(await relayed(outboxes[0] as KafkaOutbox)));
      if (last) return;
    }
  })();
  await Promise.all(
    Array.from({ length: 90 }, (_, index) =>
      test.database.transaction(async (tx) => {
        const id = index % 3 + 1;
        const [row] = await tx.query<{ n: number }>(
          "UPDATE person SET n = n + 1 WHERE id = $1 RETURNING n",
          [id],
        );
        const outbox = outboxes[index % 2] as KafkaOutbox;
        await outbox.append(tx, [message(`${id}:${row?.n}`)]);
      })),
  );
  isDone = true;
  await relay;
  assert.equal(sent.length, 90);
  for (const id of [1, 2, 3]) {
    assert.deepEqual(
      sent.filter((text) => text.startsWith(`${id}:`)),
      Array.from({ length: 30 }, (_, index) => `${id}:${index + 1}`),
    );
  }
});

Deno.test("a relay takes no more than it is allowed, and the rows of the version before as well", async () => {
  await using test = await createTestDatabase();
  await prepareDatabase(test.database);
  const { database } = test;
  const outbox = outboxOf(database);
  for (const text of ["one", "two", "three"]) {
    await database.transaction((tx) => outbox.append(tx, [message(text)]));
  }
  await database.query(
    "UPDATE paddock.kafka_outbox SET server_id = $1, is_ordered = false WHERE id = 2",
    [randomUUID()],
  );
  const sent: string[][] = [];
  const relay = (rows: number, bytes: number) =>
    outbox.relay((messages) => {
      sent.push(textsOf(messages));
      return Promise.resolve([]);
    }, { rows, bytes });
  assert.equal(await relay(2, 1e7), 2);
  assert.equal(await relay(2, 1), 1);
  assert.equal(await relay(2, 1), 0);
  assert.deepEqual(sent, [["one", "two"], ["three"]]);
});

Deno.test("a relay that fails leaves everything, and two do not relay at once", async () => {
  await using test = await createTestDatabase();
  await prepareDatabase(test.database);
  const [one, other] = [outboxOf(test.database), outboxOf(test.database)];
  await test.database.transaction((tx) => one.append(tx, [message("x")]));
  await assert.rejects(one.relay(() => Promise.reject(new Error("Kafka is away")), LIMIT));
  const sending = Promise.withResolvers<readonly DeadLetter[]>();
  const begun = Promise.withResolvers<void>();
  const first = one.relay(() => {
    begun.resolve();
    return sending.promise;
  }, LIMIT);
  await begun.promise;
  assert.equal(await other.relay(() => Promise.reject(new Error("never called")), LIMIT), 0);
  sending.resolve([]);
  assert.equal(await first, 1);
});

Deno.test("a message that Kafka refused is a dead letter", async () => {
  await using test = await createTestDatabase();
  await prepareDatabase(test.database);
  const outbox = outboxOf(test.database);
  const refused: OutputMessage = {
    topic: "clickhouse_person",
    key: null,
    order: null,
    value: Buffer.from(JSON.stringify({ id: "p", team_id: 7, properties: "{}" })),
  };
  await test.database.transaction((tx) => outbox.append(tx, [refused]));
  await outbox.relay(
    (messages) => Promise.resolve(messages.map((each) => refusedMessageLetter(each, "too big"))),
    LIMIT,
  );
  const [letter] = await test.database.query<Record<string, unknown>>(
    "SELECT code, team_id, source, payload FROM paddock.dead_letter",
  );
  assert.deepEqual(letter, {
    code: "PDK_MESSAGE_TOO_LARGE",
    team_id: 7,
    source: "kafka:clickhouse_person",
    payload: '{"id":"p","team_id":7,"properties":"{}"}',
  });
  assert.equal(await rowsLeft(test.database), 0);
});
