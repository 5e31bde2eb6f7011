/**
 * Swapped in over the server before, whose jobs lie in a schema of graphile-worker 0.11, and back out
 * again: its jobs are run, its schema stays what it was, and its own worker goes on with the rest.
 */
import assert from "node:assert/strict";
import { makeWorkerUtils, runOnce } from "graphile-worker-before";
import { LegacyJobs } from "../../src/jobs/legacy_jobs.ts";
import { jobSchemaKind, upgradeJobSchema } from "../../src/jobs/schema.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { createTestDatabase } from "../services/database.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import {
  createJobQueue,
  eventually,
  installedSpecs,
  startPluginServer,
} from "../services/plugin_server.ts";

const SCHEMA = "graphile_worker";

/** What the server before writes for `meta.jobs.<name>(payload)`. */
function legacyPayload(configId: number, teamId: number, type: string, payload?: unknown) {
  return {
    type,
    payload,
    timestamp: Date.now(),
    pluginConfigId: configId,
    pluginConfigTeam: teamId,
  };
}

/** Adds jobs as the server before does, with its library. */
async function addLegacy(
  url: string,
  jobs: readonly { readonly payload: unknown; readonly runAt?: Date }[],
): Promise<void> {
  const utils = await makeWorkerUtils({ connectionString: url, schema: SCHEMA });
  try {
    await utils.migrate();
    for (const { payload, runAt } of jobs) {
      await utils.addJob("pluginJob", payload, { maxAttempts: 1, ...(runAt ? { runAt } : {}) });
    }
  } finally {
    await utils.release();
  }
}

async function legacyJobs(database: Database): Promise<{ name: string; attempts: number }[]> {
  return await database.query(
    `SELECT payload->>'type' AS name, attempts FROM ${SCHEMA}.jobs ORDER BY id`,
  );
}

Deno.test("what is due moves over and runs, what is not stays; the old worker takes it up again", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{
    source: `exports.jobs = {
      old: ({ number }) => console.log("ran " + number),
      bare: (meta) => console.log("ran bare " + typeof meta.config) }
    exports.exportEvents = (events) => console.log("exported " + events.map((e) => e.uuid))`,
  }]);
  const configId = specs[0]?.configs[0]?.id as number;
  const old = (number: number) => legacyPayload(configId, teamId, "old", { number });
  await addLegacy(test.url, [
    ...Array.from({ length: 150 }, (_, number) => ({ payload: old(number) })),
    { payload: legacyPayload(configId, teamId, "bare") },
    {
      payload: legacyPayload(configId, teamId, "exportEventsWithRetry", {
        batch: [{ uuid: "a" }, { uuid: "b" }],
        batchId: 1,
        retriesPerformedSoFar: 2,
      }),
    },
    { payload: "nonsense" },
    { payload: old(1000), runAt: new Date(Date.now() + 3_600_000) },
  ]);
  const columns = () =>
    database.query(
      `SELECT table_name, column_name, data_type FROM information_schema.columns
       WHERE table_schema = $1 ORDER BY 1, 2`,
      [SCHEMA],
    );
  const before = await columns();

  await using server = await startPluginServer(database, specs, {
    jobs: { url: test.url },
    hosts: { logLinesPerSecond: 10_000 },
  });
  assert.ok(server.jobs !== null);
  const legacy = new LegacyJobs(database, server.jobs, SCHEMA);
  assert.equal(await legacy.move(), 153);
  assert.equal(await legacy.move(), 0);
  await eventually(
    () => server.printed().length >= 152,
    () => server.logText(),
  );
  const printed = new Set(server.printed());
  assert.equal(printed.size, 152);
  assert.ok(
    printed.has("ran 149") && printed.has("ran bare object") && printed.has("exported a,b"),
  );
  // One that nobody can read is dead there; the one for later waits there.
  assert.deepEqual(await legacyJobs(database), [
    { name: null, attempts: 1 },
    { name: "old", attempts: 0 },
  ]);
  assert.deepEqual(await columns(), before, "its schema is as it was");
  assert.equal(await jobSchemaKind(database, SCHEMA), "before");

  // Swapped back: the old worker runs what became due meanwhile.
  await database.query(`UPDATE ${SCHEMA}.jobs SET run_at = now() WHERE attempts = 0`);
  const ran: unknown[] = [];
  await runOnce({
    connectionString: test.url,
    schema: SCHEMA,
    noHandleSignals: true,
    taskList: { pluginJob: (payload) => void ran.push(payload) },
  });
  assert.deepEqual(ran.map((payload) => (payload as { payload: unknown }).payload), [
    { number: 1000 },
  ]);
});

Deno.test("a schema that was upgraded on request is emptied just the same", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const queue = await createJobQueue(database, test.url);
  await addLegacy(test.url, [
    { payload: legacyPayload(1, 2, "old", { number: 1 }) },
    { payload: legacyPayload(1, 2, "old"), runAt: new Date(Date.now() + 3_600_000) },
  ]);
  await upgradeJobSchema(test.url, SCHEMA);
  assert.equal(await jobSchemaKind(database, SCHEMA), "current");
  assert.equal(await new LegacyJobs(database, queue, SCHEMA).move(), 1);
  const [job] = await queue.list({ limit: 5, onlyDead: false, teamId: 2 });
  assert.equal(job?.name, "old");
});

Deno.test("where the server before never was, nothing is looked for", async () => {
  await using test = await createTestDatabase();
  const queue = await createJobQueue(test.database, test.url);
  assert.equal(await new LegacyJobs(test.database, queue, SCHEMA).move(), 0);
  assert.equal(await jobSchemaKind(test.database, SCHEMA), "absent");
});
