/** Plugins that change again and again while everybody says so: few reloads, and the last state. */
import assert from "node:assert/strict";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { rawEvent } from "../services/raw_event.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";
import { scrape } from "../telemetry/prometheus_text.ts";

const SOURCE = `
  exports.processEvent = (event, { config }) => {
    event.properties.state = config.state;
    return event;
  };`;

const CHANGES = 60;
const MESSAGES_EACH = 25;
/** Within so long all messages are one reload. */
const DEBOUNCE_MS = 100;

Deno.test("1,500 reload messages over two channels are few reloads, and the last change is in force", async () => {
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const configId = await installPlugin(database, {
    name: "State",
    source: SOURCE,
    teamId,
    config: { state: 0 },
  });
  const server = await startServerProcess({
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
  });
  const change = (state: number) =>
    database.query(
      "UPDATE posthog_pluginconfig SET config = $2, updated_at = clock_timestamp() WHERE id = $1",
      [configId, JSON.stringify({ state })],
    );
  /** How often the table was read. */
  const reads = async () => {
    const of = await scrape(server.address);
    const sample = of("paddock_query_seconds_count").find(({ labels }) =>
      labels?.tag === "getPluginConfigRows"
    );
    return Number(sample?.value ?? 0);
  };
  let id = 0;
  const stateInForce = async () => {
    const event = `e${id++}`;
    await pushEvents(queue.redis, queue.queue, [rawEvent(teamId, "v", { event, properties: {} })]);
    let rows: { state: number }[] = [];
    await eventually(async () => {
      rows = await database.query(
        "SELECT (properties->>'state')::int AS state FROM posthog_event WHERE event = $1",
        [event],
      );
      return rows.length === 1;
    });
    return rows[0]?.state;
  };

  await change(-1);
  const beforeOne = await reads();
  await queue.redis.publish("reload-plugins", "");
  await eventually(async () => await stateInForce() === -1);
  const eachReload = await reads() - beforeOne;
  assert.ok(eachReload > 0);

  const beforeFlood = await reads();
  const began = performance.now();
  for (let state = 1; state <= CHANGES; state++) {
    await change(state);
    const messages = queue.redis.pipeline();
    for (let count = 0; count < MESSAGES_EACH; count++) messages.publish("reload-plugins", "");
    await Promise.all([messages.exec(), database.query("NOTIFY paddock_reload_plugins")]);
  }
  await eventually(async () => await stateInForce() === CHANGES);
  const most = (performance.now() - began) / DEBOUNCE_MS + 1;
  const reloads = (await reads() - beforeFlood) / eachReload;
  assert.ok(reloads <= most, `${reloads} reloads where ${most} are the most`);
  assert.equal(await stateInForce(), CHANGES);
  assert.equal(await server.stop(), 0, server.output());
});
