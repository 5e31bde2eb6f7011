import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { migrateClickHouse } from "../../../src/stores/clickhouse/migrate.ts";
import { ClickHouseStoredEvents } from "../../../src/stores/clickhouse/stored_events.ts";
import { createTestClickHouse } from "../../services/clickhouse_database.ts";
import { demandService } from "../../services/on_demand.ts";

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 0, 1);

Deno.test("history is read out of ClickHouse by when it came, in its order, each event once", async () => {
  await using test = await createTestClickHouse();
  const { clickhouse, database } = test;
  const brokers = await demandService("kafka");
  await migrateClickHouse(clickhouse, {
    database,
    brokers,
    topicPrefix: `${database}-`,
    flushMs: 0,
  });
  const events = new ClickHouseStoredEvents(clickhouse);
  assert.equal(await events.bounds(1), null);
  assert.equal(await events.firstSince(1, 0), null);
  const row = (number: number, teamId = 1) =>
    `('00000000-0000-4000-8000-00000000000${number}', 'e${number}', '{"n":${number},"$ip":"1.2.3.4"}',
      '2025-12-31 23:59:5${number}.007000', ${teamId}, 'd', '', '2026-01-01 00:00:00.5',
      ${START / 1000 + number * 3600}, ${number})`;
  await clickhouse.command(
    `INSERT INTO events (uuid, event, properties, timestamp, team_id, distinct_id, elements_chain,
       created_at, _timestamp, _offset)
     VALUES ${[row(2), row(1), row(3), row(1), row(9, 2)].join(",")}`,
  );
  assert.deepEqual(await events.bounds(1), { min: START + HOUR_MS, max: START + 3 * HOUR_MS });
  assert.equal(await events.firstSince(1, START + HOUR_MS + 1), START + 2 * HOUR_MS);
  const span = { from: START, to: START + 3 * HOUR_MS };
  const page = await events.page(1, span, { offset: 0, limit: 100 });
  const read = page.map((text) => JSON.parse(Buffer.from(text).toString()));
  assert.deepEqual(read.map(({ event }) => event), ["e1", "e2"]);
  assert.deepEqual(read[0], {
    team_id: 1,
    distinct_id: "d",
    properties: { n: 1, $ip: "1.2.3.4" },
    timestamp: "2025-12-31T23:59:51.007Z",
    now: "2025-12-31T23:59:51.007Z",
    event: "e1",
    ip: "1.2.3.4",
    site_url: "",
    sent_at: "2026-01-01T00:00:00.500Z",
  });
  await clickhouse.command(
    `INSERT INTO events (uuid, event, properties, timestamp, team_id, distinct_id, elements_chain,
       created_at, _timestamp)
     VALUES ('00000000-0000-4000-8000-000000000007', '$autocapture', '{}', '2026-01-01', 3, 'd',
       'a.small:nth-child="1"nth-of-type="0"text="Buy";div:', '2026-01-01', ${START / 1000})`,
  );
  const $elements = [
    {
      tag_name: "a",
      attr_class: ["small"],
      text: "Buy",
      $el_text: "Buy",
      nth_child: 1,
      nth_of_type: 0,
      attributes: {},
    },
    { tag_name: "div", attributes: {} },
  ];
  const [clicked] = await events.page(3, span, { offset: 0, limit: 1 });
  assert.deepEqual(JSON.parse(Buffer.from(clicked ?? []).toString()).properties, { $elements });
  const second = await events.page(1, span, { offset: 1, limit: 1 });
  assert.equal(JSON.parse(Buffer.from(second[0] ?? []).toString()).event, "e2");
});
