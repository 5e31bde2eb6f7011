import assert from "node:assert/strict";
import { ClickHouse } from "../../../src/stores/clickhouse/client.ts";
import { migrateClickHouse } from "../../../src/stores/clickhouse/migrate.ts";
import { PaddockError } from "../../../src/errors.ts";
import { createTestClickHouse } from "../../services/clickhouse_database.ts";
import { demandService } from "../../services/on_demand.ts";
import { freePort } from "../../services/free_port.ts";

Deno.test("ClickHouse's tables are made once, and a second run changes nothing", async () => {
  await using test = await createTestClickHouse();
  const { clickhouse, database } = test;
  const place = {
    database,
    brokers: await demandService("kafka"),
    topicPrefix: `${database}-`,
    flushMs: 0,
  };
  const first = await migrateClickHouse(clickhouse, place);
  assert.deepEqual(first, { applied: ["tables"], missingSchema: null });
  const engines = async () =>
    await clickhouse.query<{ name: string; engine: string }>(
      "SELECT name, engine FROM system.tables WHERE database = {database: String} ORDER BY name",
      { database },
    );
  const made = await engines();
  const named = (engine: string) =>
    made.filter((table) => table.engine === engine).map(({ name }) => name);
  assert.deepEqual(named("Kafka"), [
    "kafka_events",
    "kafka_events_dead_letter_queue",
    "kafka_groups",
    "kafka_person",
    "kafka_person_distinct_id",
    "kafka_plugin_log_entries",
    "kafka_session_recording_events",
  ]);
  assert.equal(named("MaterializedView").length, 7);
  assert.deepEqual(named("CollapsingMergeTree"), ["person_distinct_id"]);
  assert.equal(named("ReplacingMergeTree").length, 8);
  const second = await migrateClickHouse(clickhouse, place);
  assert.deepEqual(second, { applied: [], missingSchema: null });
  assert.deepEqual(await engines(), made);
});

Deno.test("a ClickHouse that is away, or that refuses, is an error that says so", async () => {
  const away = new ClickHouse({
    url: `http://127.0.0.1:${freePort()}`,
    database: "default",
    user: "default",
    password: "",
    ca: null,
  });
  await assert.rejects(
    away.query("SELECT 1"),
    (error: unknown) =>
      error instanceof PaddockError && error.code === "PDK_CLICKHOUSE_UNAVAILABLE" &&
      error.retryable && error.message.includes("CLICKHOUSE_HOST"),
  );
  await away.close();
  await using test = await createTestClickHouse();
  await assert.rejects(
    test.clickhouse.query("SELECT nothing_of_that_name"),
    (error: unknown) =>
      error instanceof PaddockError && error.code === "PDK_CLICKHOUSE_REFUSED" && !error.retryable,
  );
});
