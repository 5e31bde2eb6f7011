import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Admin } from "@platformatic/kafka";
import { createTestClickHouse } from "../services/clickhouse_database.ts";
import { createTestDatabase } from "../services/database.ts";
import { freePort } from "../services/free_port.ts";
import { demandService } from "../services/on_demand.ts";

const MAIN = fileURLToPath(import.meta.resolve("../../main.ts"));

async function paddock(env: Record<string, string>, ...argv: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=server", MAIN, ...argv],
    env,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("--migrate makes topics and tables where Kafka and ClickHouse are configured, and 'events' shows what ClickHouse has", async () => {
  const broker = await demandService("kafka");
  await using postgres = await createTestDatabase();
  await using test = await createTestClickHouse();
  const { clickhouse } = test;
  const baseDir = await Deno.makeTempDir();
  const prefix = `commands_${randomBytes(4).toString("hex")}_`;
  const env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: "none",
    BASE_DIR: baseDir,
    KAFKA_ENABLED: "true",
    KAFKA_HOSTS: broker,
    KAFKA_PREFIX: prefix,
    CLICKHOUSE_HOST: new URL(test.url).host,
    CLICKHOUSE_DATABASE: test.database,
  };
  const admin = new Admin({ clientId: "tests", bootstrapBrokers: [broker] });
  try {
    const away = await paddock(
      { ...env, CLICKHOUSE_HOST: `127.0.0.1:${freePort()}` },
      "--migrate",
    );
    assert.equal(away.code, 1);
    assert.match(away.err, /ClickHouse \(CLICKHOUSE_HOST\)/);
    const first = await paddock(env, "--migrate");
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /^ClickHouse's tables: tables\.$/m);
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
    assert.ok(topics.includes(`${prefix}events_plugin_ingestion`));
    assert.equal(topics.length, 8);
    const second = await paddock(env, "--migrate");
    assert.equal(second.code, 0, second.err);
    assert.match(second.out, /^Kafka's topics: there\.$/m);
    assert.match(second.out, /^ClickHouse's tables: up to date\.$/m);

    assert.match((await paddock(env, "events")).out, /^No events are stored yet\.$/m);
    const row = (number: number, team: number) =>
      `('00000000-0000-4000-8000-00000000000${number}', 'e${number}', '{"n":${number}}',
        '2025-12-31 23:59:5${number}.007', ${team}, 'visitor', 'a:text="Buy"', now(), now(),
        ${number})`;
    await clickhouse.command(
      `INSERT INTO events (uuid, event, properties, timestamp, team_id, distinct_id,
         elements_chain, created_at, _timestamp, _offset)
       VALUES ${[row(1, 1), row(2, 2), row(3, 1), row(3, 1), row(4, 1)].join(",")}`,
    );
    const shown = JSON.parse((await paddock(env, "events", "--json", "-n", "2")).out);
    assert.deepEqual(shown.map(({ event }: { event: string }) => event), ["e3", "e4"]);
    assert.deepEqual(shown[0], {
      id: "00000000-0000-4000-8000-000000000003",
      teamId: 1,
      event: "e3",
      distinctId: "visitor",
      timestamp: "2025-12-31T23:59:53.007Z",
      properties: {
        n: 3,
        $elements: [{ tag_name: "a", text: "Buy", $el_text: "Buy", attributes: {} }],
      },
    });
    const ofTeam = await paddock(env, "events", "--team", "2");
    assert.match(ofTeam.out, /team 2 {2}e2 {2}by visitor\n {4}n: 2/);
    assert.doesNotMatch(ofTeam.out, /e1|e3|e4/);
  } finally {
    await admin.close();
    await Deno.remove(baseDir, { recursive: true });
  }
});
