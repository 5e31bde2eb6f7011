/**
 * Servers of one group that are killed and added, and a broker that is killed, in the middle of
 * events. PADDOCK_TEST_KAFKA_EVENTS says how many events.
 */
import assert from "node:assert/strict";
import { decodeEvent } from "../../src/stores/kafka/messages/event_messages.ts";
import { eventually } from "../services/eventually.ts";
import { freePort } from "../services/free_port.ts";
import { startKafka } from "../services/kafka.ts";
import { createKafkaMode } from "../services/kafka_mode.ts";
import { demandService } from "../services/on_demand.ts";
import { type ServerProcess, startServerProcess } from "../services/server_process.ts";

const EVENTS = Number(Deno.env.get("PADDOCK_TEST_KAFKA_EVENTS") ?? 6_000);
const VISITORS = 60;
const PATIENCE_MS = 60_000 + EVENTS * 3;

function messageOf(number: number, teamId: number) {
  const distinctId = `visitor ${number % VISITORS}`;
  return {
    key: distinctId,
    value: JSON.stringify({
      uuid: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
      distinct_id: distinctId,
      ip: "",
      site_url: "",
      data: JSON.stringify({
        event: "step",
        distinct_id: distinctId,
        properties: { number, $set: { last: number } },
      }),
      team_id: teamId,
      now: "2021-10-28T12:00:00.000Z",
      sent_at: "",
    }),
  };
}

Deno.test("three servers, one killed, one added, the broker killed: no event is lost, and people end as they did in Postgres", async () => {
  // The programs are there for all once somebody asked for the shared one.
  await demandService("kafka");
  const directory = await Deno.makeTempDir();
  const port = freePort();
  let broker = await startKafka({ directory, port });
  const servers: ServerProcess[] = [];
  try {
    await using mode = await createKafkaMode(6, broker.url);
    const { database, teamId } = mode;
    const produce = async (from: number, to: number) => {
      for (let first = from; first < to; first += 500) {
        const count = Math.min(500, to - first);
        await mode.produce(
          Array.from({ length: count }, (_, index) => messageOf(first + index, teamId)),
        );
      }
    };
    const start = async () => servers.push(await startServerProcess(mode.env));
    const stored = async () =>
      (await database.query<{ count: number }>(
        "SELECT count(*)::int AS count FROM paddock.event_seen",
      ))[0]?.count ?? 0;
    const reaches = (count: number) => eventually(async () => await stored() >= count, PATIENCE_MS);

    await produce(0, EVENTS / 2);
    await Promise.all([start(), start(), start()]);
    await reaches(EVENTS / 10);
    await servers.shift()?.kill();
    await start();
    await reaches(EVENTS / 4);
    await broker.kill();
    broker = await startKafka({ directory, port });
    await produce(EVENTS / 2, EVENTS);
    await reaches(EVENTS);
    await eventually(
      async () => (await database.query("SELECT 1 FROM paddock.kafka_outbox LIMIT 1")).length === 0,
      PATIENCE_MS,
    );
    for (const server of servers.splice(0)) assert.equal(await server.stop(), 0);

    const numbers = (await mode.read("events")).map((value) =>
      JSON.parse(decodeEvent(value).properties).number as number
    );
    assert.equal(new Set(numbers).size, EVENTS);
    const people = await database.query<{ uuid: string; last: number }>(
      "SELECT uuid, (properties->>'last')::int AS last FROM posthog_person",
    );
    assert.equal(people.length, VISITORS);
    const lastMessages = new Map<string, number>();
    for (const value of await mode.read("persons")) {
      const { id, properties } = JSON.parse(new TextDecoder().decode(value));
      lastMessages.set(id, JSON.parse(properties).last);
    }
    for (const { uuid, last } of people) assert.equal(lastMessages.get(uuid), last);
    const wanted = people.map(({ last }) => last).sort((one, other) => one - other);
    assert.deepEqual(wanted, Array.from({ length: VISITORS }, (_, i) => EVENTS - VISITORS + i));
    assert.equal((await database.query("SELECT 1 FROM paddock.dead_letter")).length, 0);
  } finally {
    for (const server of servers) await server.kill();
    await broker.kill();
    await Deno.remove(directory, { recursive: true });
  }
});
