import assert from "node:assert/strict";
import { KnownDefinitions } from "../../../src/events/definitions.ts";
import type { PreparedEvent } from "../../../src/events/prepared_event.ts";
import { PaddockError } from "../../../src/errors.ts";
import { decodeEvent as decodeRaw } from "../../../src/pipeline/decode.ts";
import { prepareEvent } from "../../../src/pipeline/prepare.ts";
import { KafkaEventOutput } from "../../../src/stores/kafka/event_output.ts";
import { refusedMessageLetter } from "../../../src/stores/kafka/messages/dead_letter_message.ts";
import { decodeEvent } from "../../../src/stores/kafka/messages/event_messages.ts";
import { KafkaProducer } from "../../../src/stores/kafka/producer.ts";
import { KafkaRelay } from "../../../src/stores/kafka/relay.ts";
import { DeadLetters } from "../../../src/stores/postgres/dead_letters.ts";
import type { Database } from "../../../src/stores/postgres/database.ts";
import {
  KafkaOutbox,
  type SendMessages,
} from "../../../src/stores/postgres/kafka_outbox/kafka_outbox.ts";
import { createKafkaMode, type KafkaMode } from "../../services/kafka_mode.ts";
import { createStore, item } from "../../services/pipeline.ts";
import { plainConnection } from "../../services/kafka_topic.ts";

const LIMITS = { maxMessages: 100, maxBytes: 900_000, flushMs: 50 };

/** What a server in Kafka mode sends through; nothing of it survives a test that drops it. */
function senderOf({ env }: KafkaMode) {
  const producer = new KafkaProducer({
    connection: plainConnection(env.KAFKA_HOSTS ?? ""),
    prefix: env.KAFKA_PREFIX ?? "",
    ...LIMITS,
  });
  const send: SendMessages = async (messages) =>
    (await producer.send(messages)).map(({ message, reason }) =>
      refusedMessageLetter(message, reason)
    );
  return { send, close: () => producer.close() };
}

function storeOf(database: Database, send: SendMessages) {
  const deadLetters = new DeadLetters();
  const outbox = new KafkaOutbox({ database, deadLetters });
  const output = new KafkaEventOutput({
    outbox,
    deadLetters,
    send,
    onOrdered: () => {},
  });
  return { outbox, store: createStore(database, undefined, undefined, output) };
}

function prepared(teamId: number, name: string, properties = {}): PreparedEvent {
  const received = item(teamId, { event: name, distinct_id: "me", properties });
  if (received.kind !== "event") throw new Error("not an event");
  const { event, claim } = decodeRaw(received.event, received.bytes, 4e6);
  return prepareEvent(event, {
    claim,
    team: { anonymizeIps: false, ingestedEvent: true },
    marks: null,
    deferredTo: [],
    definitions: new KnownDefinitions(),
    hasActions: false,
  });
}

const namesIn = async (mode: KafkaMode) =>
  (await mode.read("events")).map((value) => decodeEvent(value).event);

const countOf = async (database: Database, table: string) =>
  (await database.query(`SELECT 1 FROM ${table}`)).length;

Deno.test("nothing is committed of a batch whose events Kafka does not take, and all of it when it does", async () => {
  await using mode = await createKafkaMode(1);
  const { database, teamId } = mode;
  const sender = senderOf(mode);
  let isAway = true;
  const { store } = storeOf(database, (messages) => {
    if (isAway) throw new PaddockError("PDK_KAFKA_UNAVAILABLE", "away");
    return sender.send(messages);
  });
  const events = [prepared(teamId, "one"), prepared(teamId, "two")];
  await assert.rejects(store.write(events, []), (error: unknown) => store.isTransient(error));
  for (const table of ["paddock.event_seen", "paddock.kafka_outbox", "posthog_person"]) {
    assert.equal(await countOf(database, table), 0);
  }
  isAway = false;
  assert.deepEqual(await store.write(events, []), { stored: 2, repeated: 0 });
  assert.deepEqual(await store.write(events, []), { stored: 0, repeated: 2 });
  assert.deepEqual(await namesIn(mode), ["one", "two"]);
  assert.equal(await countOf(database, "posthog_person"), 1);
  await sender.close();
});

Deno.test("a server that ends between Kafka and the commit has its events sent again, with the same ids", async () => {
  await using mode = await createKafkaMode(1);
  const { database, teamId } = mode;
  const sender = senderOf(mode);
  const { store } = storeOf(database, async (messages) => {
    await sender.send(messages);
    throw new PaddockError("PDK_DATABASE_UNAVAILABLE", "the connection is gone");
  });
  const events = [prepared(teamId, "once")];
  await assert.rejects(store.write(events, []));
  const next = storeOf(database, sender.send);
  assert.deepEqual(await next.store.write(events, []), { stored: 1, repeated: 0 });
  const ids = (await mode.read("events")).map((value) => decodeEvent(value).uuid);
  assert.deepEqual(ids, [events[0]?.uuid, events[0]?.uuid]);
  await sender.close();
});

Deno.test("what changed about people is committed with it, and sent by another server when this one ends before", async () => {
  await using mode = await createKafkaMode(1);
  const { database, teamId } = mode;
  const first = senderOf(mode);
  // Its relay never runs: it is gone the moment after the commit.
  await storeOf(database, first.send).store.write(
    [prepared(teamId, "$identify", { $set: { plan: "free" } })],
    [],
  );
  await first.close();
  assert.deepEqual(await mode.read("persons"), []);
  assert.equal(await countOf(database, "paddock.kafka_outbox"), 1);

  const second = senderOf(mode);
  const relay = new KafkaRelay(storeOf(database, second.send).outbox, second.send, { pollMs: 50 });
  relay.start();
  await relay.stop();
  await second.close();
  const [person] = (await mode.read("persons")).map((value) =>
    JSON.parse(new TextDecoder().decode(value))
  );
  assert.deepEqual(JSON.parse(person.properties), { plan: "free" });
  assert.equal((await mode.read("distinctIds")).length, 1);
  assert.equal(await countOf(database, "paddock.kafka_outbox"), 0);
});

Deno.test("an event that Kafka refuses is a dead letter, and the rest of its batch is stored", async () => {
  await using mode = await createKafkaMode(1);
  const { database, teamId } = mode;
  const sender = senderOf(mode);
  const { store } = storeOf(database, sender.send);
  const huge = prepared(teamId, "huge", { text: "x".repeat(1_100_000) });
  await store.write([prepared(teamId, "small"), huge], []);
  assert.deepEqual(await namesIn(mode), ["small"]);
  const [letter] = await database.query<Record<string, unknown>>(
    "SELECT code, event_uuid, team_id FROM paddock.dead_letter",
  );
  assert.deepEqual(letter, {
    code: "PDK_MESSAGE_TOO_LARGE",
    event_uuid: huge.uuid,
    team_id: teamId,
  });
  await sender.close();
});
