import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { PluginReportWriter } from "../../../src/plugins/logs/plugin_report_writer.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import type { Queryable } from "../../../src/stores/postgres/database.ts";
import { createFirstProject } from "../../../src/stores/postgres/first_project.ts";
import { createTestDatabase } from "../../services/database.ts";
import { SetupFailures } from "../../../src/stores/postgres/setup_failures.ts";
import { ServerPresence } from "../../../src/stores/postgres/servers.ts";
import { installPlugin } from "../../services/plugin_rows.ts";

const CAPABILITIES = { methods: ["processEvent"], scheduled_tasks: [], jobs: [] };

async function reportsOn() {
  const test = await createTestDatabase();
  const { database } = test;
  await migrate(database);
  const teamId = (await createFirstProject(database))?.teamId as number;
  const one = await installPlugin(database, { name: "One", source: "", teamId });
  const other = await installPlugin(database, { name: "Other", source: "", teamId });
  let away = false;
  const queryable: Queryable = {
    query: (...parameters) =>
      away ? Promise.reject(new Error("away")) : database.query(...parameters),
  };
  let disabled = 0;
  const reports = new PluginReportWriter(
    queryable,
    new SetupFailures(database, randomUUID()),
    () => disabled++,
  );
  return {
    database,
    reports,
    one,
    other,
    setAway: (is: boolean) => away = is,
    disabledCalls: () => disabled,
    config: async (id: number) => {
      const rows = await database.query<Record<string, unknown>>(
        "SELECT error, enabled, updated_at FROM posthog_pluginconfig WHERE id = $1",
        [id],
      );
      return rows[0] as { error: Record<string, unknown> | null; enabled: boolean };
    },
    plugin: async (configId: number) => {
      const rows = await database.query<Record<string, unknown>>(
        `SELECT plugin.id, capabilities, plugin.updated_at, plugin.xmin FROM posthog_plugin AS plugin
         JOIN posthog_pluginconfig AS config ON config.plugin_id = plugin.id WHERE config.id = $1`,
        [configId],
      );
      return rows[0] as { id: number; capabilities: unknown; updated_at: Date; xmin: string };
    },
    updatedAts: () =>
      database.query(
        `SELECT updated_at::text FROM posthog_plugin
         UNION ALL SELECT updated_at::text FROM posthog_pluginconfig ORDER BY 1`,
      ),
    async [Symbol.asyncDispose]() {
      away = false;
      await reports.close();
      await test[Symbol.asyncDispose]();
    },
  };
}

Deno.test("the last failure is kept, a setup clears it, and no updated_at moves [5.process-error]", async () => {
  await using test = await reportsOn();
  const { reports, one, other } = test;
  const before = await test.updatedAts();
  reports.failed(one, { message: "first", time: "t" });
  const event = { event: "e", properties: { a: "\u0000" } };
  reports.failed(one, { message: "second", time: "t", name: "Error", stack: "at", event });
  await reports.flush();
  assert.deepEqual((await test.config(one)).error, {
    message: "second",
    time: "t",
    name: "Error",
    stack: "at",
    event: { event: "e", properties: { a: "\ufffd" } },
  });
  assert.equal((await test.config(other)).error, null);
  reports.loaded(one, (await test.plugin(one)).id, CAPABILITIES);
  await reports.flush();
  assert.equal((await test.config(one)).error?.message, "second", "it is not set up yet");
  reports.ready(one);
  await reports.flush();
  assert.equal((await test.config(one)).error, null);
  assert.deepEqual((await test.plugin(one)).capabilities, CAPABILITIES);
  assert.deepEqual(await test.updatedAts(), before);
});

Deno.test("capabilities are written only where they differ", async () => {
  await using test = await reportsOn();
  const { reports, one } = test;
  const { id } = await test.plugin(one);
  reports.loaded(one, id, CAPABILITIES);
  await reports.flush();
  const { xmin } = await test.plugin(one);
  reports.loaded(one, id, { ...CAPABILITIES });
  await reports.flush();
  assert.equal((await test.plugin(one)).xmin, xmin);
});

Deno.test("a config that is given up is disabled, and the server hears of it", async () => {
  await using test = await reportsOn();
  const before = await test.updatedAts();
  const fates: string[] = [];
  test.reports.gaveUp(test.one, "1", (fate) => fates.push(fate));
  await test.reports.flush();
  assert.deepEqual(fates, ["disabled"]);
  assert.equal((await test.config(test.one)).enabled, false);
  assert.equal((await test.config(test.other)).enabled, true);
  assert.equal(test.disabledCalls(), 1);
  assert.deepEqual(await test.updatedAts(), before);
});

Deno.test("a config is disabled once its setup failed on every server that runs", async () => {
  await using test = await reportsOn();
  const { database, one, other } = test;
  const presences = ["first", "second", "third"].map((name) => ({
    name,
    presence: new ServerPresence(database, { id: randomUUID(), ttlMs: 60_000 }),
  }));
  for (const { presence } of presences) await presence.start();
  const fates: string[] = [];
  const servers = presences.map(({ name, presence }) => ({
    presence,
    reports: new PluginReportWriter(database, new SetupFailures(database, presence.id), () => {}),
    decided: (fate: string) => fates.push(`${name}: ${fate}`),
  }));
  const [first, second, third] = servers as [
    typeof servers[0],
    typeof servers[0],
    typeof servers[0],
  ];
  const giveUp = async ({ reports, decided }: typeof first, version: string) => {
    reports.gaveUp(one, version, decided);
    await reports.flush();
  };
  try {
    await giveUp(first, "2");
    // Another version's failure is another plugin's, as far as this one is concerned.
    await giveUp(second, "1");
    await giveUp(second, "2");
    assert.equal((await test.config(one)).enabled, true, "the third has not said so");
    // A server that stopped has no say, and one that has it set up has the last.
    await third.presence.stop();
    first.reports.ready(one);
    await first.reports.flush();
    await giveUp(second, "2");
    assert.equal((await test.config(one)).enabled, true, "the first has it set up");
    await Promise.all([giveUp(first, "2"), giveUp(second, "2")]);
    assert.equal((await test.config(one)).enabled, false);
    assert.equal((await test.config(other)).enabled, true);
    assert.deepEqual(fates.filter((fate) => fate.endsWith("disabled")).length, 1);
  } finally {
    for (const { reports } of servers) await reports.close();
    await first.presence.stop();
    await second.presence.stop();
  }
});

Deno.test("reports survive a database that is away; newer ones win", async () => {
  await using test = await reportsOn();
  const { reports, one, other } = test;
  test.setAway(true);
  reports.failed(one, { message: "old", time: "t" });
  reports.failed(other, { message: "kept", time: "t" });
  await reports.flush();
  reports.failed(one, { message: "new", time: "t" });
  test.setAway(false);
  await reports.flush();
  assert.equal((await test.config(one)).error?.message, "new");
  assert.equal((await test.config(other)).error?.message, "kept");
});

Deno.test("what comes out of the fence may have any shape, and costs no other report", async () => {
  await using test = await reportsOn();
  const { reports, one, other } = test;
  let deep: unknown = "\u0000";
  for (let depth = 0; depth < 50_000; depth++) deep = [deep];
  const hostile = { message: { toString: 1 }, name: 5, stack: [], time: "t", extra: "x" };
  reports.failed(one, { ...hostile, event: { deep } } as never);
  reports.failed(other, {
    message: "m".repeat(50_000),
    time: "t",
    event: { a: "x".repeat(99_999) },
  });
  const names = ["processEvent", 5, null, "n".repeat(201), ...Array(1_000).fill("a")];
  reports.loaded(-1, (await test.plugin(one)).id, {
    methods: names as string[],
    scheduled_tasks: [],
    jobs: names as string[],
  });
  await reports.flush();
  assert.deepEqual((await test.config(one)).error, {
    message: "an error without a message",
    time: "t",
  });
  const { message, event } = (await test.config(other)).error as Record<string, string>;
  assert.deepEqual([message?.length, event], [10_000, undefined]);
  const { methods, jobs } = (await test.plugin(one)).capabilities as {
    methods: string[];
    jobs: string[];
  };
  assert.deepEqual(methods, ["processEvent"]);
  assert.deepEqual(new Set(jobs), new Set(["processEvent", "a"]));
});
