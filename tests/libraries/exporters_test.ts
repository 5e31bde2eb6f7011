/** Exporters to clouds in the fence, against servers on loopback that fail on the way. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { Behaviour } from "../services/export_endpoint.ts";
import { startFaultyProxy } from "../services/faulty_proxy.ts";
import { eventually } from "../services/plugin_server.ts";
import { startS3 } from "../services/s3.ts";
import { type PluginRun, runPlugin } from "./exporter_run.ts";
import { startGoogleApis } from "./google_apis.ts";
import { startPubSub } from "./pubsub_server.ts";
import { startSnowflake } from "./snowflake_server.ts";

const EVENTS = 60;
/** Long enough for what has to be tried again a few times. */
const PATIENCE_MS = 40_000;

const FAILURES: Behaviour = (request) =>
  request > 12 ? "accept" : (["accept", "fail", "hang", "reset"] as const)[request % 4] ?? "accept";

/** A key of a service account, whose signatures nobody checks here. */
const CREDENTIALS = JSON.stringify({
  type: "service_account",
  project_id: "project",
  client_email: "tests@project.iam.gserviceaccount.com",
  private_key: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
    .export({ type: "pkcs8", format: "pem" }),
});

/** Sends numbered events, and waits until `arrived` has all of their numbers. */
async function exported(
  run: PluginRun,
  arrived: () => Promise<Iterable<number>> | Iterable<number>,
) {
  for (let from = 0; from < EVENTS; from += 20) await run.sendNumbers(from, 20);
  await eventually(
    async () => new Set(await arrived()).size === EVENTS,
    () => run.server.logText(),
    PATIENCE_MS,
  );
  const numbers = [...new Set(await arrived())].sort((one, other) => one - other);
  assert.deepEqual(numbers, [...Array(EVENTS).keys()]);
}

const numbersIn = (text: string) =>
  [...text.matchAll(/\\*"number\\*":(\d+)/g)].map(([, number]) => Number(number));

for (const compression of ["no compression", "gzip", "brotli"]) {
  const failures = compression === "gzip" ? " through 500s, timeouts and resets" : "";
  Deno.test(`s3_export, ${compression}: all arrive${failures}`, async () => {
    await using s3 = await startS3("events");
    await using proxy = await startFaultyProxy(s3.port);
    if (failures !== "") proxy.behave(FAILURES);
    await using run = await runPlugin("s3_export", {
      config: {
        awsAccessKey: s3.accessKeyId,
        awsSecretAccessKey: s3.secretAccessKey,
        awsRegion: "eu-west-1",
        s3BucketEndpoint: `http://127.0.0.1:${proxy.port}`,
        s3BucketName: "events",
        prefix: "paddock/",
        compression,
      },
      grants: [`127.0.0.1:${proxy.port}`],
    });
    const decompress = { gzip: gunzipSync, brotli: brotliDecompressSync }[compression];
    await exported(run, async () => {
      const objects = await s3.objects("events");
      return [...objects.values()].flatMap((contents) =>
        numbersIn((decompress?.(contents) ?? contents).toString())
      );
    });
    const [key] = (await s3.objects("events")).keys();
    assert.match(
      String(key),
      /^paddock\/\d{4}-\d\d-\d\d\/\d+\.\d+Z-[0-9a-f]{16}\.jsonl(\.(gz|br))?$/,
    );
    if (failures !== "") assert.match(run.server.logText(), /Uploading to S3 failed/);
  });
}

Deno.test("bigquery_export: the table is made, and all rows are in it once, through failures", async () => {
  await using google = await startGoogleApis();
  await using proxy = await startFaultyProxy(google.port);
  // While it is set up nothing fails: its requests are not tried again by this plugin.
  proxy.behave((request) =>
    request <= 2 || request > 10
      ? "accept"
      : (["accept", "fail", "reset"] as const)[request % 3] ?? "accept"
  );
  await using run = await runPlugin("bigquery_export", {
    config: {
      datasetId: "set",
      tableId: "events",
      apiEndpoint: `http://127.0.0.1:${proxy.port}`,
    },
    grants: [`127.0.0.1:${proxy.port}`],
    attachments: { googleCloudKeyJson: CREDENTIALS },
  });
  await exported(
    run,
    () => [...google.rows.values()].flatMap((row) => numbersIn(JSON.stringify(row))),
  );
  assert.match(String(google.schema()), /"name":"properties","type":"STRING"/);
  assert.deepEqual([...google.authorizations], ["Bearer given"]);
  assert.equal(google.rows.size, EVENTS);
});

Deno.test("gcs_export: streamed uploads arrive through failures", async () => {
  await using google = await startGoogleApis();
  await using proxy = await startFaultyProxy(google.port);
  proxy.behave((request) =>
    request > 6 ? "accept" : (["accept", "fail", "reset"] as const)[request % 3] ?? "accept"
  );
  await using run = await runPlugin("gcs_export", {
    config: { bucketName: "events", apiEndpoint: `http://127.0.0.1:${proxy.port}` },
    grants: [`127.0.0.1:${proxy.port}`],
    attachments: { googleCloudKeyJson: CREDENTIALS },
  });
  await exported(
    run,
    () => [...google.objects.values()].flatMap((csv) => numbersIn(csv.replaceAll('""', '"'))),
  );
});

Deno.test("pubsub_export: every event is a message, through refusals and resets", async () => {
  await using server = await startPubSub("projects/project/topics/events");
  server.behave((call) =>
    call > 6 ? "accept" : (["accept", "fail", "reset"] as const)[call % 3] ?? "accept"
  );
  await using run = await runPlugin("pubsub_export", {
    config: { topicId: "events", apiEndpoint: `127.0.0.1:${server.port}` },
    grants: [`127.0.0.1:${server.port}`],
    attachments: { googleCloudKeyJson: CREDENTIALS },
  });
  await exported(run, () => server.messages.flatMap(numbersIn));
});

Deno.test("snowflake_export: inserts over one pooled connection, through failures, and logs out", async () => {
  await using server = await startSnowflake("paddock", "secret");
  await using proxy = await startFaultyProxy(server.port);
  // Behind the log-in and the making of the table; what failed the client itself tries again.
  proxy.behave((request) => request === 3 ? "fail" : request === 5 ? "reset" : "accept");
  const config = {
    account: "account",
    username: "paddock",
    password: "secret",
    database: "db",
    schema: "public",
    table: "events",
    accessUrl: `http://127.0.0.1:${proxy.port}`,
  };
  const run = await runPlugin("snowflake_export", {
    config,
    grants: [`127.0.0.1:${proxy.port}`],
  });
  try {
    await exported(run, () => server.statements.flatMap((each) => numbersIn(JSON.stringify(each))));
  } finally {
    await run[Symbol.asyncDispose]();
  }
  assert.match(String(server.statements[0]?.sqlText), /^CREATE TABLE IF NOT EXISTS "db"/);
  assert.deepEqual(server.sessions, { opened: 1, closed: 1 });
});
