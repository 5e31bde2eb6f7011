/** Actions on the real server: rows, webhooks and REST hooks, told once more where nobody answered. */
import assert from "node:assert/strict";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import { createAction, createRestHook } from "../services/actions.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { startStatsDSink } from "../telemetry/statsd_sink.ts";
import { startHookEndpoint } from "../services/hook_endpoint.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";

Deno.test("matched events are told to webhooks and REST hooks, through the job queue", async () => {
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  await using endpoint = await startHookEndpoint();
  await using statsd = await startStatsDSink();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  await database.query("UPDATE posthog_team SET slack_incoming_webhook = $1 WHERE id = $2", [
    `${endpoint.address}/webhook`,
    teamId,
  ]);
  const actionId = await createAction(database, teamId, {
    name: "Bought",
    postToSlack: true,
    format: "[user.name] did [event.name] for [event.properties.price]",
    steps: [{ event: "purchase" }],
  });
  await createRestHook(database, teamId, {
    id: "alive",
    actionId,
    target: `${endpoint.address}/rest`,
  });
  await createRestHook(database, teamId, {
    id: "dead",
    actionId,
    target: `${endpoint.address}/gone`,
  });
  await createRestHook(database, teamId, {
    id: "other",
    actionId: null,
    target: `${endpoint.address}/other`,
  });
  // Each path fails once before it answers.
  const seen = new Set<string>();
  endpoint.answer(({ path }) => {
    if (path === "/gone") return 410;
    if (seen.has(path)) return 200;
    seen.add(path);
    return path === "/rest" ? 503 : 0;
  });
  const server = await startServerProcess({
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
    BASE_DIR: await Deno.makeTempDir(),
    HOOK_NET_GRANTS: `127.0.0.1:${endpoint.port}`,
    HOOK_RETRY_SECONDS: "0.1",
    STATSD_HOST: "127.0.0.1",
    STATSD_PORT: String(statsd.port),
  });
  const push = (event: string, properties: Record<string, unknown>) =>
    pushEvents(queue.redis, queue.queue, [{
      teamId,
      distinctId: "buyer",
      ip: "1.2.3.4",
      siteUrl: "https://app.example.com",
      now: "2021-10-28T12:00:00.000Z",
      sentAt: null,
      data: { event, properties },
      uuid: "",
    }]);
  await push("purchase", { price: 5, $set: { email: "buyer@example.com" } });
  const told = (path: string) => endpoint.requests.filter((request) => request.path === path);
  await eventually(() => told("/webhook").length >= 2 && told("/rest").length >= 2);
  assert.deepEqual(JSON.parse(told("/webhook")[1]?.text ?? ""), {
    text: "[buyer@example.com](https://app.example.com/person/buyer) did purchase for 5",
  });
  const { hook, data } = JSON.parse(told("/rest")[1]?.text ?? "");
  assert.deepEqual(hook, {
    id: "alive",
    event: "action_performed",
    target: `${endpoint.address}/rest`,
  });
  assert.equal(data.event, "purchase");
  assert.equal(data.team_id, teamId);
  assert.equal(data.properties.price, 5);
  assert.equal(data.properties.$ip, "1.2.3.4");
  assert.equal(data.person.properties.email, "buyer@example.com");
  assert.equal(data.person.persondistinctid__distinct_id, "buyer");
  assert.equal(data.person.persondistinctid__team_id, teamId);
  const people = await database.query<{ id: number }>("SELECT id FROM posthog_person");
  assert.equal(data.person.id, people[0]?.id);
  await eventually(async () =>
    (await database.query("SELECT FROM ee_hook WHERE id = 'dead'")).length === 0
  );
  assert.equal(told("/other").length, 0);
  const rows = await database.query("SELECT action_id FROM posthog_action_events");
  assert.deepEqual(rows, [{ action_id: actionId }]);

  // Changed in the application, which says so on the channel; then dropped.
  let number = 0;
  const isMatched = async (event: string): Promise<boolean> => {
    await push(event, { number: ++number });
    const row = () =>
      database.query<{ isMatched: boolean }>(
        `SELECT EXISTS (
           SELECT FROM posthog_action_events AS matched WHERE matched.event_id = event.id
         ) AS "isMatched" FROM posthog_event AS event WHERE properties->>'number' = $1`,
        [String(number)],
      );
    await eventually(async () => (await row()).length === 1);
    return (await row())[0]?.isMatched ?? false;
  };
  assert.equal(await isMatched("refund"), false);
  await database.query("UPDATE posthog_actionstep SET event = 'refund'");
  await queue.redis.publish("reload-action", JSON.stringify({ teamId, actionId }));
  await eventually(() => isMatched("refund"));
  assert.equal(await isMatched("purchase"), false);
  await queue.redis.publish("drop-action", JSON.stringify({ teamId, actionId }));
  await eventually(async () => !await isMatched("refund"));
  assert.equal(await server.stop(), 0);
  const counted = (name: string) =>
    statsd.lines().filter((line) => line.startsWith(`plugin-server.${name}:`)).length;
  const names = ["action_matching_for_event", "action_matches_found"];
  for (const name of [...names, "webhook_firings", "rest_hook_firings"]) {
    assert.ok(counted(name) > 0, name);
  }
  assert.deepEqual(await database.query("SELECT FROM paddock.dead_letter"), []);
});
