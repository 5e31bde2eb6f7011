import assert from "node:assert/strict";
import { decodeEvent } from "../../src/stores/kafka/messages/event_messages.ts";
import { eventually } from "../services/eventually.ts";
import { addClickHouse, createKafkaMode } from "../services/kafka_mode.ts";
import { startServerProcess } from "../services/server_process.ts";

const uuidOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

function message(number: number, teamId: number, data: Record<string, unknown>): string {
  return JSON.stringify({
    uuid: uuidOf(number),
    distinct_id: data.distinct_id ?? "visitor",
    ip: "127.0.0.1",
    site_url: "",
    data: JSON.stringify(data),
    team_id: teamId,
    now: "2021-10-28T12:00:00.000Z",
    sent_at: "",
  });
}

Deno.test("events, people and dead letters come out of ClickHouse as they went into Kafka", async () => {
  await using mode = await createKafkaMode(2);
  await using added = await addClickHouse(mode);
  const { clickhouse } = added;
  const { teamId } = mode;
  await mode.produce([
    {
      value: message(1, teamId, {
        event: "$identify",
        distinct_id: "me",
        properties: { $anon_distinct_id: "device-1", $set: { plan: "free" } },
      }),
    },
    {
      value: message(2, teamId, {
        event: "$autocapture",
        distinct_id: "me",
        timestamp: "2021-10-28T11:00:00.123Z",
        properties: {
          nested: { 'quote"': [1, "🦔"] },
          $elements: [{ tag_name: "a", $el_text: 'say "hi"', attr__class: "b a", nth_child: 2 }],
        },
      }),
    },
    {
      value: message(3, teamId, {
        event: "$snapshot",
        distinct_id: "me",
        // ClickHouse keeps recordings for three weeks.
        timestamp: new Date().toISOString(),
        properties: { $session_id: "s", $snapshot_data: { has_full_snapshot: true } },
      }),
    },
    {
      value: message(4, teamId, {
        event: "$groupidentify",
        distinct_id: "me",
        properties: { $group_type: "company", $group_key: "k", $group_set: { size: 3 } },
      }),
    },
    {
      value: message(5, teamId, {
        event: "in",
        distinct_id: "me",
        properties: { $groups: { company: "k" } },
      }),
    },
    { value: "no JSON at all" },
    { value: message(6, teamId, {}).replace('"data":"{}"', '"data":"{half"') },
    { value: null },
    { value: message(7, 9_999, { event: "of nobody", distinct_id: "x" }) },
    {
      value: message(8, teamId, {
        event: "big",
        distinct_id: "me",
        properties: { text: "x".repeat(900_000) },
      }),
    },
  ]);
  const server = await startServerProcess(added.env);
  try {
    const rows = async <Row>(statement: string) => await clickhouse.query<Row>(statement);
    await eventually(async () => {
      const [found] = await rows<{ n: number }>(
        "SELECT (SELECT count() FROM events) + (SELECT count() FROM events_dead_letter_queue) AS n",
      );
      return found?.n === 9;
    }, 60_000);
    const events = await rows<Record<string, unknown>>(
      "SELECT toString(uuid) AS uuid, event, distinct_id, toString(timestamp) AS timestamp, " +
        "elements_chain, `$group_0` AS company, properties FROM events ORDER BY uuid",
    );
    assert.deepEqual(events.map(({ uuid }) => uuid), [1, 2, 4, 5, 8].map(uuidOf));
    const [identify, click, , inGroup, big] = events as [
      Record<string, string>,
      Record<string, string>,
      unknown,
      Record<string, string>,
      Record<string, string>,
    ];
    assert.equal(identify.event, "$identify");
    assert.equal(click.timestamp, "2021-10-28 11:00:00.123000");
    assert.equal(
      click.elements_chain,
      'a.a.b:attr__class="b a"nth-child="2"nth-of-type="0"text="say \\"hi\\""',
    );
    const properties = JSON.parse(click.properties ?? "{}");
    assert.deepEqual(properties.nested, { 'quote"': [1, "🦔"] });
    assert.equal(properties.$ip, "127.0.0.1");
    assert.equal(inGroup.company, "k");
    assert.equal(JSON.parse(big.properties ?? "{}").text.length, 900_000);

    await eventually(async () =>
      (await rows("SELECT 1 FROM person FINAL WHERE is_identified = 1")).length === 1
    );
    const [person] = await rows<Record<string, unknown>>(
      "SELECT toString(id) AS id, properties, is_identified, is_deleted, " +
        "toString(created_at) AS created_at FROM person FINAL",
    );
    const [stored] = await mode.database.query<{ uuid: string; properties: unknown }>(
      "SELECT uuid, properties FROM posthog_person",
    );
    assert.equal(person?.id, stored?.uuid);
    assert.deepEqual(JSON.parse(String(person?.properties)), stored?.properties);
    assert.equal(person?.is_identified, 1);
    await eventually(async () =>
      (await rows("SELECT 1 FROM person_distinct_id FINAL")).length === 2
    );
    const ids = await rows<Record<string, unknown>>(
      "SELECT distinct_id, toString(person_id) AS person_id, is_deleted " +
        "FROM person_distinct_id FINAL ORDER BY distinct_id",
    );
    assert.deepEqual(ids, [
      { distinct_id: "device-1", person_id: stored?.uuid, is_deleted: 0 },
      { distinct_id: "me", person_id: stored?.uuid, is_deleted: 0 },
    ]);
    await eventually(async () =>
      (await rows("SELECT 1 FROM session_recording_events")).length === 1
    );
    const [recording] = await rows<Record<string, unknown>>(
      "SELECT session_id, snapshot_data, has_full_snapshot FROM session_recording_events",
    );
    assert.deepEqual(recording, {
      session_id: "s",
      snapshot_data: '{"has_full_snapshot":true}',
      has_full_snapshot: 1,
    });
    await eventually(async () => (await rows("SELECT 1 FROM groups")).length === 1);
    const [group] = await rows<Record<string, unknown>>(
      "SELECT group_type_index, group_key, group_properties FROM groups",
    );
    assert.deepEqual(group, {
      group_type_index: 0,
      group_key: "k",
      group_properties: '{"size":3}',
    });

    const letters = await rows<{ error: string; raw: string }>(
      "SELECT error, raw_payload AS raw FROM events_dead_letter_queue ORDER BY error",
    );
    assert.equal(letters.length, 4);
    const inPostgres = await mode.database.query<{ reason: string }>(
      "SELECT reason FROM paddock.dead_letter ORDER BY id",
    );
    assert.equal(inPostgres.length, 4);
  } finally {
    await server.stop();
  }
  assert.equal((await mode.database.query("SELECT 1 FROM posthog_event")).length, 0);
  assert.equal((await mode.database.query("SELECT 1 FROM paddock.kafka_outbox")).length, 0);
  const first = decodeEvent((await mode.read("events"))[0] as Uint8Array);
  assert.equal(first.teamId, teamId);
});
