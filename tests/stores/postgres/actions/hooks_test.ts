import assert from "node:assert/strict";
import { ActionCatalog } from "../../../../src/actions/action_catalog.ts";
import { EventActions } from "../../../../src/actions/event_actions.ts";
import { HookDispatcher } from "../../../../src/actions/hook_dispatcher.ts";
import { HookQuota } from "../../../../src/actions/hook_quota.ts";
import type { NewHookJob } from "../../../../src/jobs/new_job.ts";
import { HookIndex } from "../../../../src/actions/hook_index.ts";
import { ActionMatches } from "../../../../src/stores/postgres/action_matches.ts";
import { Actions } from "../../../../src/stores/postgres/actions.ts";
import type { Database } from "../../../../src/stores/postgres/database.ts";
import { ActionRows } from "../../../../src/stores/postgres/events/action_rows.ts";
import { Hooks } from "../../../../src/stores/postgres/hooks.ts";
import { createAction, createRestHook } from "../../../services/actions.ts";
import { createTestDatabase } from "../../../services/database.ts";
import { eventually } from "../../../services/eventually.ts";
import { createPipeline, feed, item, prepareDatabase } from "../../../services/pipeline.ts";
import { createJobQueue } from "../../../services/plugin_server.ts";

/** Stores events that match, and nobody there to tell hooks of them: as if the server died then. */
async function storeMatches(database: Database, teamId: number, count: number): Promise<void> {
  const catalog = new ActionCatalog(new Actions(database));
  await catalog.load();
  const index = new HookIndex(() => new Hooks(database).hooked());
  await index.refresh();
  const rows = new ActionRows(new EventActions(catalog, index), () => {});
  const none = { has: () => false, run: () => Promise.resolve([]) };
  const nobody = { isWanted: () => false, deferredTo: () => [] };
  const pipeline = createPipeline(database, { writeBatchSize: 5 }, none, nobody, null, {
    intents: catalog,
    rows,
  });
  const properties = (number: number) => ({ number, "nul\0": "lone \ud800" });
  await feed(
    pipeline,
    Array.from(
      { length: count },
      (_, number) =>
        item(teamId, {
          event: "bought",
          distinct_id: `id ${number}`,
          properties: properties(number),
        }),
    ),
  );
  await pipeline.drain(5_000, new AbortController().signal);
}

async function kept(database: Database): Promise<number> {
  const rows = await database.query<{ count: number }>(
    "SELECT count(*)::int FROM paddock.action_match",
  );
  return rows[0]?.count ?? -1;
}

Deno.test("what was matched before a server died becomes jobs, each once, whoever makes them", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const queue = await createJobQueue(database, test.url);
  await database.query("UPDATE posthog_team SET slack_incoming_webhook = 'https://x.slack.com/y'");
  const told = await createAction(database, teamId, {
    postToSlack: true,
    steps: [{ event: "bought" }],
  });
  const quiet = await createAction(database, teamId, { steps: [{ event: "bought" }] });
  const hooked = await createAction(database, teamId, { steps: [{ event: "bought" }] });
  await createRestHook(database, teamId, { id: "h", actionId: hooked, target: "https://z/" });
  await storeMatches(database, teamId, 200);
  assert.ok(await kept(database) >= 40);
  const rows = await database.query("SELECT FROM posthog_action_events");
  assert.equal(rows.length, 600);

  // A queue that cannot take them keeps them where they are.
  const away = new ActionMatches(database, () => Promise.reject(new Error("the queue is away")));
  const before = await kept(database);
  await assert.rejects(away.take(() => []), /away/);
  assert.equal(await kept(database), before);

  const dispatchers = [1, 2].map(() =>
    new HookDispatcher(new ActionMatches(database, (tx, jobs) => queue.add(tx, jobs)), {
      siteUrl: "https://site",
      attempts: 4,
    })
  );
  for (const dispatcher of dispatchers) dispatcher.start();
  await eventually(async () => await kept(database) === 0);
  await Promise.all(dispatchers.map((dispatcher) => dispatcher.stop()));
  const jobs = await queue.list({ limit: 1_000, onlyDead: false, teamId });
  assert.equal(jobs.length, 400);
  assert.deepEqual(
    new Set(jobs.map(({ task, maxAttempts }) => `${task} ${maxAttempts}`)),
    new Set(["actionHook 4"]),
  );
  const payloads = await Promise.all(jobs.map(async ({ id }) => {
    const job = await queue.show(id);
    return JSON.parse(job?.payload ?? "");
  }));
  const numbers = (name: string) =>
    payloads.filter(({ type }) => type === name).map(({ body }) => JSON.parse(body));
  assert.deepEqual(
    numbers("REST hook").map(({ data }) => data.properties.number).sort((one, other) =>
      one - other
    ),
    Array.from({ length: 200 }, (_, number) => number),
  );
  assert.equal(new Set(numbers("webhook").map(({ text }) => text)).size, 200);
  assert.deepEqual(
    new Set(payloads.map(({ actionId, target, hookId }) => `${actionId} ${target} ${hookId}`)),
    new Set([`${told} https://x.slack.com/y null`, `${hooked} https://z/ h`]),
  );
  assert.ok(payloads.every(({ actionId }) => actionId !== quiet));

  // Who is to be forgotten is forgotten here as well, and nobody whose id only begins alike.
  assert.equal(await queue.forgetVisitor("id 1", teamId + 1), 0);
  assert.equal(await queue.forgetVisitor("id 1", teamId), 2);
  assert.equal((await queue.list({ limit: 1_000, onlyDead: false, teamId })).length, 398);
});

Deno.test("matches of actions without hooks are kept for nobody", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  await createAction(database, teamId, { postToSlack: true, steps: [{ event: "bought" }] });
  await storeMatches(database, teamId, 5);
  assert.equal(await kept(database), 0);
  // A hook whose organization may not have any is not told, though it may be kept.
  const actionId = await createAction(database, teamId, { steps: [{ event: "bought" }] });
  await createRestHook(database, teamId, { id: "h", actionId, target: "https://z/" });
  await database.query("UPDATE posthog_organization SET available_features = '{}'");
  const targets = await new Hooks(database).targets([teamId], [actionId]);
  assert.deepEqual([...targets.webhooks, ...targets.restHooks], []);
});

Deno.test("what waits for the receivers of a team is bounded, and costs no other team", async () => {
  await using test = await createTestDatabase();
  const queue = await createJobQueue(test.database, test.url);
  const quota = new HookQuota((teamId) => queue.waitingHooks(teamId), 1_500);
  const jobs = (teamId: number, count: number): NewHookJob[] =>
    Array.from({ length: count }, () => ({
      kind: "hook",
      teamId,
      actionId: 1,
      name: "webhook",
      target: "https://x/",
      hookId: null,
      body: "{}",
      attempts: 1,
    }));
  const add = async (made: NewHookJob[]) => {
    const admitted = await quota.admitted(made);
    await queue.enqueue(admitted);
    return admitted.length;
  };
  assert.equal(await add([...jobs(1, 900), ...jobs(2, 10)]), 910);
  assert.equal(await add(jobs(1, 600)), 600);
  assert.equal(await queue.waitingHooks(1), 1_500);
  assert.equal(await add(jobs(1, 500)), 500, "they are counted now and then");
  assert.equal(await add(jobs(1, 600)), 0);
  assert.equal(await add([...jobs(1, 1), ...jobs(2, 10)]), 10);
  assert.equal(await queue.waitingHooks(2), 20);
});
