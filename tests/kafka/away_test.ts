import assert from "node:assert/strict";
import { decodeEvent } from "../../src/stores/kafka/messages/event_messages.ts";
import { eventually } from "../services/eventually.ts";
import { freePort } from "../services/free_port.ts";
import { startKafka } from "../services/kafka.ts";
import { createKafkaMode } from "../services/kafka_mode.ts";
import { demandService } from "../services/on_demand.ts";
import { startServerProcess } from "../services/server_process.ts";

Deno.test("a server starts without Kafka and ClickHouse, says so, and works once Kafka is there", async () => {
  await demandService("kafka");
  const directory = await Deno.makeTempDir();
  const port = freePort();
  let broker = await startKafka({ directory, port });
  try {
    await using mode = await createKafkaMode(2, broker.url);
    const [team] = await mode.database.query<{ token: string }>(
      "SELECT api_token AS token FROM posthog_team",
    );
    await broker.kill();
    const server = await startServerProcess({
      ...mode.env,
      CLICKHOUSE_HOST: `127.0.0.1:${freePort()}`,
    });
    try {
      const health = async () => {
        const response = await fetch(`${server.address}/_ready`);
        const { parts } = await response.json() as { parts: Record<string, unknown> };
        return { status: response.status, parts: JSON.stringify(parts) };
      };
      const capture = async (event: string) => {
        const response = await fetch(`${server.address}/e/`, {
          method: "POST",
          body: JSON.stringify({ api_key: team?.token, event, distinct_id: "me" }),
        });
        await response.body?.cancel();
        return response.status;
      };
      await eventually(async () => {
        const { status, parts } = await health();
        return status === 503 && parts.includes("KAFKA_HOSTS") && parts.includes("CLICKHOUSE_HOST");
      });
      assert.equal(await capture("refused"), 503);

      broker = await startKafka({ directory, port });
      await eventually(async () => await capture("accepted") === 200, 40_000);
      await eventually(async () => (await health()).status === 200, 40_000);
      // ClickHouse is still away: what is for it waits in Kafka.
      assert.match((await health()).parts, /CLICKHOUSE_HOST/);
      await eventually(async () => (await mode.read("events")).length > 0, 40_000);
      const names = (await mode.read("events")).map((value) => decodeEvent(value).event);
      assert.ok(names.includes("accepted"));
    } finally {
      assert.equal(await server.stop(), 0);
    }
  } finally {
    await broker.kill();
    await Deno.remove(directory, { recursive: true });
  }
});
