/** `paddock jobs` and `--migrate --upgrade-jobs`, on a queue with real jobs. */
import assert from "node:assert/strict";
import { makeWorkerUtils } from "graphile-worker-before";
import { upgradesJobs } from "../../src/cli/command_line.ts";
import { modeOf } from "../../src/cli/command_line.ts";
import { migrateMode } from "../../src/cli/migrate.ts";
import { loadConfig } from "../../src/config/config.ts";
import { JOB_SCHEMA, jobSchemaKind } from "../../src/jobs/schema.ts";
import { createJobQueue } from "../services/plugin_server.ts";
import { createTestCommands } from "./command_run.ts";

Deno.test("jobs are listed with their state, shown, and retried when they are dead", async () => {
  await using test = await createTestCommands();
  assert.match((await test.run("jobs")).err, /there is no job queue yet/);
  const queue = await createJobQueue(test.database, test.environment.DATABASE_URL as string);
  assert.equal(await test.succeed("jobs"), "There are no jobs.");
  const texts = [new TextEncoder().encode('{"uuid":"a"}')];
  await queue.enqueue([
    { kind: "plugin", teamId: 1, configId: 5, name: "tidy\u001b[2J", payload: '{"a":1}' },
    { kind: "plugin", teamId: 2, configId: 6, name: "wait", payload: null, dueInMs: 1e9 },
    { kind: "export", teamId: 1, configId: 5, texts, reason: "no\nway", isDead: true },
  ]);
  const list = await test.succeed("jobs", "list");
  const lines = list.split("\n");
  assert.equal(lines.length, 4);
  assert.match(lines[1] ?? "", /^1 +due .* 1 +5 +tidy\\x1b\[2J +0\/3/);
  assert.match(lines[2] ?? "", /^2 +later /);
  assert.match(lines[3] ?? "", /^3 +dead .* export of 1 events +3\/3 +no way$/);
  assert.match(await test.succeed("jobs", "--team", "2"), /^id[^\n]*\n2 [^\n]*$/);
  assert.equal((JSON.parse(await test.succeed("jobs", "--dead", "--json")) as unknown[]).length, 1);
  assert.match(
    await test.succeed("jobs", "show", "1"),
    /name: tidy\\x1b\[2J[\s\S]*"payload":\{"a":1\}/,
  );
  assert.equal((await test.run("jobs", "show", "77")).code, 2);
  assert.equal((await test.run("jobs", "retry")).code, 2);
  assert.equal((await test.run("jobs", "retry", "x")).code, 2);
  const partly = await test.run("jobs", "retry", "1", "3");
  assert.equal(partly.out, "1 job is run again.");
  assert.equal(partly.err, "1 of them are not dead jobs.");
  assert.equal(await test.succeed("jobs", "--dead"), "There are no dead jobs.");
  assert.equal(await test.succeed("jobs", "retry", "--all"), "0 jobs are run again.");
});

Deno.test("the schema of the server before is upgraded on request only", async () => {
  await using test = await createTestCommands();
  const { database, environment } = test;
  const url = environment.DATABASE_URL as string;
  const utils = await makeWorkerUtils({ connectionString: url, schema: "graphile_worker" });
  await utils.migrate();
  await utils.release();
  const printed: string[] = [];
  const { log } = console;
  console.log = (line: string) => printed.push(line);
  try {
    assert.equal(await migrateMode(loadConfig(environment), false), 0);
    assert.equal(await jobSchemaKind(database, JOB_SCHEMA), "current");
    assert.equal(await jobSchemaKind(database, "graphile_worker"), "before");
    assert.match(printed.join("\n"), /left as it is; its jobs are run.*--migrate --upgrade-jobs/);
    assert.equal(await migrateMode(loadConfig(environment), true), 0);
    assert.equal(await jobSchemaKind(database, "graphile_worker"), "current");
    assert.match(printed.join("\n"), /The server before cannot use it any more/);
  } finally {
    console.log = log;
  }
});

Deno.test("--upgrade-jobs is part of --migrate", () => {
  assert.equal(modeOf(["--migrate", "--upgrade-jobs"]), "migrate");
  assert.equal(upgradesJobs(["--migrate", "--upgrade-jobs"]), true);
  assert.equal(upgradesJobs(["--migrate"]), false);
  assert.throws(() => modeOf(["--upgrade-jobs"]), /together with --migrate/);
});
