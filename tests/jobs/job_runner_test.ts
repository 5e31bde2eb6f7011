/** Jobs of plugins: asked for in the fence, kept in Postgres, run at least once. */
import assert from "node:assert/strict";
import { loadConfig } from "../../src/config/config.ts";
import { HistoricalExport } from "../../src/jobs/historical_export.ts";
import { JobQuota } from "../../src/jobs/job_quota.ts";
import { JobRunner } from "../../src/jobs/job_runner.ts";
import { PluginJobs } from "../../src/jobs/plugin_jobs.ts";
import { hasJobQueue } from "../../src/server_jobs.ts";
import { StoredEvents } from "../../src/stores/postgres/events/stored_events.ts";
import { PluginStorage } from "../../src/stores/postgres/plugin_storage.ts";
import { freePort } from "../services/free_port.ts";
import { createTestDatabase, type TestDatabase } from "../services/database.ts";
import { feed, item, prepareDatabase } from "../services/pipeline.ts";
import {
  createJobQueue,
  eventually,
  installedSpecs,
  type PluginServer,
  startPluginServer,
} from "../services/plugin_server.ts";

/** Runs the code of an event's property in the plugin, as its onEvent. */
const ASKER = `
exports.onEvent = async (event, { jobs, config }) => {
  try {
    const result = await new Function("jobs", "event", "return (async () => {" + event.properties.code + "})()")(jobs, event)
    console.log("asked " + result)
  } catch (error) {
    console.log("refused: " + error.message)
  }
}
`;

async function start(
  test: TestDatabase,
  source: string,
  options: Parameters<typeof startPluginServer>[2] = {},
): Promise<{ server: PluginServer; teamId: number; configId: number }> {
  const teamId = await prepareDatabase(test.database);
  const specs = await installedSpecs(test.database, teamId, [{ source }]);
  const server = await startPluginServer(test.database, specs, {
    jobs: { url: test.url },
    ...options,
    hosts: { logLinesPerSecond: 20_000, ...options.hosts },
  });
  return { server, teamId, configId: specs[0]?.configs[0]?.id as number };
}

Deno.test("runNow, runIn and runAt run the job with its payload, when it is due [5.jobs]", async () => {
  await using test = await createTestDatabase();
  const { server, teamId } = await start(
    test,
    `${ASKER}
    exports.jobs = {
      hello: (payload, meta) => console.log("hello " + payload.who + " " + typeof meta.config),
      bare: (meta) => console.log("bare " + typeof meta.config),
    }`,
  );
  await using _ = server;
  const before = Date.now();
  await feed(server.pipeline, [
    item(teamId, { event: "a", properties: { code: "await jobs.hello({ who: 'now' }).runNow()" } }),
    item(teamId, { event: "a", properties: { code: "await jobs.bare().runNow()" } }),
    item(teamId, {
      event: "a",
      properties: { code: "await jobs.hello({ who: 'in' }).runIn(1, 'seconds')" },
    }),
    item(teamId, {
      event: "a",
      properties: {
        code: "await jobs.hello({ who: 'at' }).runAt(new Date(Date.now() + 1500))",
      },
    }),
    item(teamId, {
      event: "a",
      properties: { code: "await jobs.hello({ who: 'month' }).runIn(1, 'month')" },
    }),
  ]);
  const ran = () => server.printed().filter((line) => !line.startsWith("asked"));
  await eventually(() => ran().length >= 4, () => server.logText());
  assert.ok(Date.now() - before >= 1_000, "the delayed ones were delayed");
  assert.deepEqual(new Set(ran().slice(0, 2)), new Set(["hello now object", "bare object"]));
  assert.deepEqual(ran().slice(2), ["hello in object", "hello at object"]);
  await eventually(
    async () => (await server.jobs?.counts())?.waiting === 1,
    () => "what ran is not finished",
  );
  const later = await server.jobs?.list({ limit: 10, onlyDead: false, teamId });
  assert.equal(later?.length, 1);
  const days = ((later?.[0]?.runAt as Date).getTime() - before) / 86_400_000;
  assert.ok(days > 29.9 && days < 30.1, `a month is ${days} days`);
});

Deno.test("what cannot be a job is refused with what is wrong with it", async () => {
  await using test = await createTestDatabase();
  const { server, teamId } = await start(test, ASKER);
  await using _ = server;
  const codes: [string, RegExp][] = [
    ["await jobs.x({ text: 'x'.repeat(1_000_001) }).runNow()", /job 'x' has 10000\d\d characters/],
    ["const a = {}; a.a = a; await jobs.x(a).runNow()", /job 'x' is not JSON: .*circular/],
    ["await jobs.x({ n: 1n }).runNow()", /job 'x' is not JSON/],
    ["await jobs.__proto__({}).runNow()", /a job cannot be named '__proto__'/],
    ["await jobs.x({}).runAt(new Date('nonsense'))", /runAt needs a valid date/],
    ["await jobs.x({}).runIn(1, 'fortnight')", /Unknown time unit: fortnight/],
    ["await jobs.x({}).runIn('soon', 'days')", /runIn needs a number of days/],
    ["await jobs.x({}).runAt(new Date(8e15))", /out of range/],
  ];
  await feed(
    server.pipeline,
    codes.map(([code]) => item(teamId, { event: "a", properties: { code } })),
  );
  await eventually(() => server.printed().length >= codes.length, () => server.logText());
  for (const [code, expected] of codes) {
    assert.ok(
      server.printed().some((line) => line.startsWith("refused: ") && expected.test(line)),
      `${code}: ${server.logText()}`,
    );
  }
  assert.deepEqual(await server.jobs?.counts(), { waiting: 0, dead: 0 });
});

Deno.test("a job that throws is dead and told; one that asks for it is tried again, so often", async () => {
  await using test = await createTestDatabase();
  const { server, configId, teamId } = await start(
    test,
    `
    exports.jobs = {
      broken: () => { throw new Error("broken for good") },
      patient: async () => { console.log("patient"); throw new RetryError("later") },
      recovering: async (payload, { global }) => {
        global.tries = (global.tries ?? 0) + 1
        console.log("recovering " + global.tries)
        if (global.tries < 3) throw new RetryError("not yet")
      },
    }`,
  );
  await using _ = server;
  await server.jobs?.enqueue(
    ["broken", "patient", "recovering", "missing", "constructor"].map((name) => ({
      kind: "plugin",
      teamId,
      configId,
      name,
      payload: "{}",
    })),
  );
  await eventually(
    async () => {
      const { waiting, dead } = await server.jobs?.counts() ?? { waiting: -1, dead: -1 };
      return waiting === 0 && dead === 4;
    },
    () => server.logText(),
  );
  const dead = await server.jobs?.list({ limit: 10, onlyDead: true, teamId }) ?? [];
  const errors = new Map(dead.map(({ name, lastError }) => [name, lastError]));
  assert.equal(errors.get("broken"), "broken for good");
  assert.equal(errors.get("patient"), "later");
  assert.match(
    errors.get("missing") ?? "",
    /Task "missing" not found for plugin "Plugin 1" with config id/,
  );
  assert.match(errors.get("constructor") ?? "", /Task "constructor" not found/);
  assert.equal(server.printed().filter((line) => line === "patient").length, 3);
  assert.ok(server.printed().includes("recovering 3"));
  assert.match(server.logText(), /broken for good/);
  // Tried again by hand.
  const broken = dead.find(({ name }) => name === "patient");
  assert.equal(await server.jobs?.retry([broken?.id as string]), 1);
  await eventually(
    () => server.printed().filter((line) => line === "patient").length === 6,
    () => server.logText(),
  );
});

Deno.test("a job waits for its plugin's setup, and one of a config that is gone is dead", async () => {
  await using test = await createTestDatabase();
  const { server, configId, teamId } = await start(
    test,
    `
    let tries = 0
    exports.setupPlugin = () => { if (++tries < 2) throw new Error("not yet") }
    exports.jobs = { run: () => console.log("ran") }`,
  );
  await using _ = server;
  const job = { kind: "plugin", teamId, configId, name: "run", payload: null } as const;
  await server.jobs?.enqueue([
    job,
    { ...job, configId: 999 },
    { ...job, teamId: teamId + 1 },
  ]);
  await eventually(() => server.printed().includes("ran"), () => server.logText());
  await eventually(
    async () => (await server.jobs?.counts())?.dead === 2,
    () => "the others are not dead",
  );
  const dead = await server.jobs?.list({ limit: 10, onlyDead: true, teamId: null }) ?? [];
  assert.deepEqual(
    dead.map(({ lastError }) => lastError),
    [
      "plugin config 999 is not enabled",
      `plugin config ${configId} is not of team ${teamId + 1}`,
    ],
  );
});

Deno.test("connections that the database ends are opened again, and jobs go on", async () => {
  await using test = await createTestDatabase();
  const { server, configId, teamId } = await start(
    test,
    "exports.jobs = { run: ({ number }) => console.log('ran ' + number) }",
  );
  await using _ = server;
  const job = (number: number) => ({
    kind: "plugin" as const,
    teamId,
    configId,
    name: "run",
    payload: JSON.stringify({ number }),
  });
  await server.jobs?.enqueue([job(1)]);
  await eventually(() => server.printed().includes("ran 1"), () => server.logText());
  for (let round = 2; round < 5; round++) {
    const ended = await test.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'paddock jobs%'`,
    );
    assert.ok(ended.length > 0);
    await server.jobs?.enqueue([job(round)]);
    await eventually(() => server.printed().includes(`ran ${round}`), () => server.logText());
  }
  assert.deepEqual(server.runners.map(({ unavailable }) => unavailable), [null, null]);
});

Deno.test("a queue whose database is away is said, tried again, and does not hold up a stop", async () => {
  await using test = await createTestDatabase();
  await prepareDatabase(test.database);
  const nowhere = `postgres://127.0.0.1:${freePort()}/nowhere`;
  const policies = {
    plugin: { attempts: 1, firstWaitSeconds: 1 },
    export: { attempts: 1, firstWaitSeconds: 1 },
  };
  const none = { get: () => null, all: () => [] };
  const runner = new JobRunner(
    test.database,
    new PluginJobs({
      targets: none,
      database: test.database,
      history: new HistoricalExport(
        new StoredEvents(test.database),
        new PluginStorage(test.database),
        { enqueue: () => Promise.reject(new Error("no")) },
        policies.export,
      ),
      counters: { count: () => {} },
    }, policies).tasks("plugin"),
    { register: () => Promise.resolve() },
    {
      takesMany: true,
      connectionString: nowhere,
      concurrency: 1,
      preparedStatements: false,
      pollMs: 100,
    },
  );
  assert.equal(runner.unavailable, "not started");
  runner.start();
  await eventually(
    () => /ECONNREFUSED/.test(runner.unavailable ?? ""),
    () => `it says ${runner.unavailable}`,
  );
  await runner.stop(1_000);
});

Deno.test("a plugin that asks for jobs without end is refused, and others are not", async () => {
  await using test = await createTestDatabase();
  const queue = await createJobQueue(test.database, test.url);
  const quota = new JobQuota(queue, 2_500);
  const jobs = (configId: number, count: number) =>
    Array.from({ length: count }, () => ({
      kind: "plugin" as const,
      teamId: 1,
      configId,
      name: "again",
      payload: null,
    }));
  const flood = async () => {
    for (let round = 0; round < 20; round++) await quota.enqueue(jobs(1, 500));
  };
  await assert.rejects(flood(), /over 2500 jobs of the plugin wait already \(JOB_MAX_PER_CONFIG\)/);
  await assert.rejects(quota.enqueue(jobs(1, 1)), /over 2500 jobs/);
  assert.ok(await queue.waiting(1) <= 3_500);
  await quota.enqueue(jobs(2, 500));
  assert.equal(await queue.waiting(2), 500);
});

Deno.test("which queues there are is checked, with a word about those that are not needed", () => {
  const queues = (JOB_QUEUES: string) => hasJobQueue(loadConfig({ JOB_QUEUES }));
  assert.equal(queues("graphile"), true);
  assert.equal(queues(""), false);
  assert.throws(() => queues("graphile,s3"), /JOB_QUEUES: unknown job queue 's3': take it out/);
  assert.throws(() => queues("fs"), /no other queue is needed/);
  assert.throws(() => queues("rabbit"), /unknown job queue 'rabbit': there is 'graphile'/);
});

Deno.test("10,000 jobs, a server killed meanwhile: each runs at least once, and none is left", async () => {
  await using test = await createTestDatabase();
  const source = `exports.jobs = {
    count: async ({ number }) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      console.log("ran " + number)
    } }`;
  const { server: first, configId, teamId } = await start(test, source, { ttlMs: 600 });
  await first.jobs?.enqueue(
    Array.from({ length: 10_000 }, (_, number) => ({
      kind: "plugin",
      teamId,
      configId,
      name: "count",
      payload: JSON.stringify({ number }),
    })),
  );
  await eventually(() => first.printed().length > 50, () => first.logText());
  await first.die();
  const left = await first.jobs?.counts();
  assert.ok((left?.waiting ?? 0) > 0, "some were left");
  const specs = first.hosts.hosts.map(({ spec }) => spec);
  await using second = await startPluginServer(test.database, specs, {
    jobs: { url: test.url },
    ttlMs: 600,
    hosts: { logLinesPerSecond: 20_000 },
  });
  await eventually(
    async () => (await second.jobs?.counts())?.waiting === 0,
    () => second.logText(),
    60_000,
  );
  const ran = new Set([...first.printed(), ...second.printed()]);
  assert.equal(ran.size, 10_000);
});
