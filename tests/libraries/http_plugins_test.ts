/** Plugins that speak HTTP by `fetch` and `node-fetch`, against servers on loopback. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { answerOf, fenced } from "./library_run.ts";
import { pluginEvent, propertiesOf } from "../plugins/fence.ts";
import { eventually } from "../services/plugin_server.ts";
import { runPlugin } from "./exporter_run.ts";
import { startHttp } from "./http_server.ts";

const urlOf = ({ port }: { readonly port: number }) => `http://127.0.0.1:${port}`;
const grantOf = ({ port }: { readonly port: number }) => `127.0.0.1:${port}`;

Deno.test("rudderstack_export gathers by itself, and repeats by a job what failed", async () => {
  const accepted: string[] = [];
  await using server = await startHttp((request, before) => {
    if (before % 3 === 1) return { status: 500 };
    if (before % 3 === 2 && before < 6) return "reset";
    for (const { messageId } of JSON.parse(request.body.toString()).batch) accepted.push(messageId);
    return { body: {} };
  });
  await using run = await runPlugin("rudderstack_export", {
    config: { dataPlaneUrl: urlOf(server), writeKey: "key" },
    grants: [grantOf(server)],
  });
  for (let from = 0; from < 60; from += 20) await run.sendNumbers(from, 20);
  await eventually(() => new Set(accepted).size === 60, () => run.server.logText(), 40_000);
  assert.ok(server.received.length > 3, "in several batches");
  assert.equal(
    server.received[0]?.headers.authorization,
    `Basic ${Buffer.from("key:").toString("base64")}`,
  );
});

Deno.test("intercom_export asks who it is before it tells", async () => {
  await using server = await startHttp(({ url, body }) => {
    if (url !== "/contacts/search") return { status: 202, body: {} };
    const isKnown = JSON.parse(body.toString()).query.value === "known@example.com";
    return { body: isKnown ? { total_count: 1, data: [{ id: "c1" }] } : { total_count: 0 } };
  });
  await using run = await runPlugin("intercom_export", {
    config: { api: urlOf(server), accessToken: "t", triggeringEvents: "signed up,paid" },
    grants: [grantOf(server)],
  });
  await run.send([
    { event: "signed up", email: "known@example.com", plan: "a" },
    { event: "signed up", email: "unknown@example.com" },
    { event: "paid" },
    { event: "seen", email: "known@example.com" },
  ]);
  await eventually(() => server.received.length >= 3, () => run.server.logText());
  await eventually(() => run.server.printed().length === 1, () => run.server.logText());
  const told = server.received.filter(({ url }) => url === "/events");
  assert.equal(told.length, 1);
  const { event_name: name, id, metadata } = JSON.parse(String(told[0]?.body));
  assert.deepEqual([name, id, metadata.plan], ["signed up", "c1", "a"]);
  assert.deepEqual(run.server.printed(), ["nobody is known by unknown@example.com"]);
});

Deno.test("hubspot_export checks its key, makes each contact once, and knows them again", async () => {
  await using server = await startHttp(({ method }) =>
    method === "GET" ? { body: { results: [] } } : { status: 201, body: { id: "7" } }
  );
  await using run = await runPlugin("hubspot_export", {
    config: { api: urlOf(server), hubspotApiKey: "key" },
    grants: [grantOf(server)],
  });
  const identify = { event: "$identify", $set: { email: "a@example.com", companyName: "A" } };
  await run.send([identify]);
  await eventually(() => server.received.length === 2, () => run.server.logText());
  await run.send([identify, { event: "$identify", $set: { email: "b@example.com" } }]);
  await eventually(() => server.received.length === 3, () => run.server.logText());
  const made = server.received.filter(({ method }) => method === "POST")
    .map(({ body }) => JSON.parse(body.toString()).properties);
  assert.deepEqual(made, [{ email: "a@example.com", company: "A" }, { email: "b@example.com" }]);
  assert.equal(server.received[0]?.url, "/crm/v3/objects/contacts?hapikey=key");
});

Deno.test("jwt_export signs in once, and again when its token is refused", async () => {
  const arrived: number[] = [];
  let tokens = 0;
  let refused = 0;
  await using server = await startHttp((request) => {
    if (request.url === "/token") {
      const assertion = new URLSearchParams(request.body.toString()).get("assertion") ?? "";
      const [, claims = ""] = assertion.split(".");
      assert.equal(JSON.parse(Buffer.from(claims, "base64url").toString()).iss, "me@example.com");
      return { body: { access_token: `token ${++tokens}`, expires_in: 100 } };
    }
    if (request.headers.authorization === "Bearer token 1" && arrived.length > 0) {
      refused++;
      return { status: 401 };
    }
    arrived.push(...JSON.parse(request.body.toString()));
    return { body: {} };
  });
  const account = {
    client_email: "me@example.com",
    private_key: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
      .export({ type: "pkcs8", format: "pem" }),
  };
  await using run = await runPlugin("jwt_export", {
    config: { tokenUrl: `${urlOf(server)}/token`, url: `${urlOf(server)}/events` },
    grants: [grantOf(server)],
    attachments: { serviceAccount: JSON.stringify(account) },
  });
  await run.sendNumbers(0, 5);
  await eventually(() => arrived.length === 5, () => run.server.logText());
  await run.sendNumbers(5, 5);
  await eventually(() => new Set(arrived).size === 10, () => run.server.logText());
  assert.deepEqual([tokens, refused], [2, 1]);
});

Deno.test("gzip_webhook: signed and compressed; FetchError tells a timeout from a status", async () => {
  const arrived: number[] = [];
  await using server = await startHttp(({ headers, body, url }, before) => {
    if (before === 0) return { status: 503 };
    if (before === 1) return "hang";
    if (before === 2) return "reset";
    assert.equal(url, "/hook?source=posthog");
    const signature = createHmac("sha256", "s3cret").update(body).digest("hex");
    assert.equal(headers["x-signature"], signature);
    arrived.push(...JSON.parse(gunzipSync(body).toString()));
    return { body: {} };
  });
  await using run = await runPlugin("gzip_webhook", {
    config: { url: urlOf(server), secret: "s3cret" },
    grants: [grantOf(server)],
  });
  await run.sendNumbers(0, 20);
  await eventually(() => new Set(arrived).size === 20, () => run.server.logText(), 40_000);
  assert.match(run.server.logText(), /fetch: request-timeout/);
  assert.match(run.server.logText(), /fetch: system/);
});

Deno.test("stream_upload: a stream of Node's is a body, and an answer a Buffer", async () => {
  const arrived: number[] = [];
  await using server = await startHttp(({ body }, before) => {
    if (before === 0) return { status: 500, body: "later" };
    arrived.push(...gunzipSync(body).toString().trim().split("\n").map(Number));
    return { body: "thanks" };
  });
  await using run = await runPlugin("stream_upload", {
    config: { url: urlOf(server) },
    grants: [grantOf(server)],
  });
  await run.sendNumbers(0, 30);
  await eventually(() => new Set(arrived).size === 30, () => run.server.logText(), 40_000);
  assert.match(run.server.logText(), /500 later \{.*"connection":\["/);
});

Deno.test("anonymizer makes up the same for the same person", async () => {
  const source = await Deno.readTextFile(new URL("./plugins/anonymizer.ts", import.meta.url));
  await using running = await fenced(source, { config: { salt: "s" } });
  const properties = {
    email: "real@example.com",
    name: "Real Name",
    $current_url: "https://example.com/a?email=real@example.com&b=1",
  };
  const [first, second, other] = propertiesOf(
    await running.run([1, 1, 2].map((number) => pluginEvent(number, properties))),
  );
  assert.deepEqual(first, second);
  assert.notEqual(first?.email, other?.email);
  assert.match(String(first?.email), /@/);
  assert.notEqual(first?.name, "Real Name");
  assert.equal(first?.$current_url, "https://example.com/a?b=1");
});

Deno.test("fetch is one function, with the errors and methods of node-fetch", async () => {
  await using server = await startHttp(({ url }) => {
    if (url === "/hang") return "hang";
    if (url === "/reset") return "reset";
    return { body: url === "/text" ? "no json" : { url } };
  });
  const answer = await answerOf(
    `import nodeFetch, { FetchError, Headers } from 'node-fetch'
     import { PassThrough } from 'stream'`,
    `const { url } = meta.config
     const errorOf = (promise) => promise.then(() => null, (error) =>
       [error instanceof FetchError, error.name, error.type, error.code, error.message])
     const piped = []
     const { body } = await fetch(url + '/piped')
     for await (const chunk of body.pipe(new PassThrough())) piped.push(chunk)
     const webResponse = await fetch(url + '/web')
     const reader = webResponse.body.getReader()
     return {
       isOne: nodeFetch === fetch,
       isHeaders: Headers === globalThis.Headers,
       buffer: (await (await fetch(url + '/b')).buffer()).toString(),
       raw: (await fetch(url)).headers.raw()['connection'],
       piped: Buffer.concat(piped).toString(),
       web: new TextDecoder().decode((await reader.read()).value),
       timeout: await errorOf(fetch(url + '/hang', { timeout: 200 })),
       reset: (await errorOf(fetch(url + '/reset'))).slice(0, 3),
       json: await errorOf(fetch(url + '/text').then((response) => response.json())),
       refused: await errorOf(fetch('http://127.0.0.1:2/')),
       aborted: (await errorOf(fetch(url, { signal: AbortSignal.abort() })))[1],
     }`,
    { config: { url: urlOf(server) }, grants: [grantOf(server)] },
  ) as Record<string, unknown>;
  const url = urlOf(server);
  assert.deepEqual([answer.isOne, answer.isHeaders], [true, true]);
  assert.equal(answer.buffer, '{"url":"/b"}');
  assert.equal(answer.piped, '{"url":"/piped"}');
  assert.equal(answer.web, '{"url":"/web"}');
  assert.ok(Array.isArray(answer.raw));
  assert.deepEqual(answer.timeout, [
    true,
    "FetchError",
    "request-timeout",
    null,
    `network timeout at: ${url}/hang`,
  ]);
  assert.deepEqual(answer.reset, [true, "FetchError", "system"]);
  const [isFetchError, , type, , message] = answer.json as unknown[];
  assert.deepEqual([isFetchError, type], [true, "invalid-json"]);
  assert.match(String(message), /^invalid json response body at http:.* reason: /);
  const refused = answer.refused as unknown[];
  assert.deepEqual(refused.slice(0, 4), [true, "FetchError", "system", "EACCES"]);
  assert.match(String(refused[4]), /127\.0\.0\.1:2 was not granted/);
  assert.equal(answer.aborted, "AbortError");
});
