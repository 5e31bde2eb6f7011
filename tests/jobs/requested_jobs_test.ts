/** Jobs that a person starts in PostHog's application arrive among the events. */
import assert from "node:assert/strict";
import type { PluginJob, ReceivedItem } from "../../src/sources/source.ts";
import { createTestDatabase } from "../services/database.ts";
import { createPipeline, feed, prepareDatabase } from "../services/pipeline.ts";
import { eventually, installedSpecs, startPluginServer } from "../services/plugin_server.ts";

function request(job: Partial<PluginJob>): ReceivedItem {
  return {
    kind: "job",
    bytes: 100,
    job: {
      teamId: 1,
      pluginConfigId: 1,
      type: "clean",
      operation: "start",
      payload: {},
      ...job,
    },
  };
}

interface Letter {
  readonly code: string;
  readonly reason: string;
}

Deno.test("a job is run with its operation; what cannot be one is a dead letter with the reason", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{
    source: "exports.jobs = { clean: (payload) => console.log(JSON.stringify(payload)) }",
  }]);
  const pluginConfigId = specs[0]?.configs[0]?.id as number;
  await using server = await startPluginServer(database, specs, { jobs: { url: test.url } });
  const mine = { teamId, pluginConfigId };
  await feed(server.pipeline, [
    request({ ...mine, payload: { days: 3 } }),
    request({ ...mine, operation: "stop" }),
    request({ ...mine, teamId: teamId + 7 }),
    request({ ...mine, pluginConfigId: 9_999_999 }),
    request({ ...mine, pluginConfigId: 1e12 }),
    request({ ...mine, type: "__proto__" }),
    request({ ...mine, payload: { text: "x".repeat(1_000_001) } }),
  ]);
  await eventually(() => server.printed().length === 2, () => server.logText());
  assert.deepEqual(
    new Set(server.printed()),
    new Set(['{"days":3,"$operation":"start"}', '{"$operation":"stop"}']),
  );
  const letters = await database.query<Letter>(
    "SELECT code, reason FROM paddock.dead_letter ORDER BY id",
  );
  assert.deepEqual(new Set(letters.map(({ code }) => code)), new Set(["PDK_JOB_INVALID"]));
  assert.deepEqual(letters.map(({ reason }) => reason.replace(/\d{7,}/, "N")), [
    `plugin config ${pluginConfigId} is not of team ${teamId + 7}`,
    "there is no plugin config N",
    "there is no plugin config N",
    "a job cannot be named '__proto__'",
    "the payload of job 'clean' has N characters; 1000000 are allowed",
  ]);
});

Deno.test("without a job queue, jobs are kept as dead letters", async () => {
  await using test = await createTestDatabase();
  const teamId = await prepareDatabase(test.database);
  const pipeline = createPipeline(test.database);
  await feed(pipeline, [request({ teamId })]);
  await pipeline.drain(1_000, new AbortController().signal);
  const letters = await test.database.query<Letter>("SELECT code, reason FROM paddock.dead_letter");
  assert.deepEqual(letters, [
    { code: "PDK_JOB_UNSUPPORTED", reason: "no queue for job 'clean'" },
  ]);
});
