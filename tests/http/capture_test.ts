import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import LZString from "lz-string";
import { PaddockError } from "../../src/errors.ts";
import type { RawEvent } from "../../src/events/types.ts";
import { CaptureHandler } from "../../src/http/capture/handler.ts";
import { ClientAddress } from "../../src/http/client_address.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { HttpServer } from "../../src/http/server.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { createFirstProject } from "../../src/stores/postgres/first_project.ts";
import { PostgresInbox } from "../../src/stores/postgres/inbox/inbox.ts";
import { Teams } from "../../src/stores/postgres/teams.ts";
import { createTestDatabase } from "../services/database.ts";

interface CaptureServer extends AsyncDisposable {
  readonly address: string;
  readonly token: string;
  readonly teamId: number;
  /** Posts a body and resolves with status and parsed answer. */
  post(
    path: string,
    body: BodyInit,
    headers?: HeadersInit,
  ): Promise<{ status: number; body: Answer }>;
  /** Takes what was accepted out of the inbox. */
  accepted(): Promise<RawEvent[]>;
  query(statement: string): Promise<unknown>;
}

interface Answer {
  readonly status?: number;
  readonly code?: string;
  readonly type?: string;
  readonly detail?: string;
}

const LIMITS = { maxBytes: 100_000, maxDecompressedBytes: 1_000_000 };

/** A real server on a real inbox. */
async function captureServer(trusted: string[] = []): Promise<CaptureServer> {
  const test = await createTestDatabase();
  await migrate(test.database);
  const project = await createFirstProject(test.database);
  const inbox = new PostgresInbox(test.database);
  const server = new HttpServer({
    capture: new CaptureHandler({
      inbox,
      tokens: new Teams(test.database),
      clients: new ClientAddress(trusted),
      limits: LIMITS,
    }),
    metrics: () => new Metrics().text(),
    health: () => ({
      ready: false,
      parts: { store: { isWell: false, isNeeded: true, since: "2021-10-28", reason: "is away" } },
    }),
  }, { host: "127.0.0.1", port: 0 });
  return {
    address: server.address,
    token: project?.apiToken ?? "",
    teamId: project?.teamId ?? 0,
    async post(path, body, headers = {}) {
      const response = await fetch(`${server.address}${path}`, { method: "POST", body, headers });
      return { status: response.status, body: await response.json() };
    },
    async accepted() {
      const rows = await inbox.take("test", { items: 1_000, bytes: 1e9 }, 60_000);
      await inbox.remove("test", rows.map(({ id }) => id));
      return rows.flatMap(({ events }) => [...events]);
    },
    query: (statement) => test.database.query(statement),
    async [Symbol.asyncDispose]() {
      await server.close();
      await test[Symbol.asyncDispose]();
    },
  };
}

const json = (value: unknown) => JSON.stringify(value);
const JSON_TYPE = { "content-type": "application/json" };
const FORM_TYPE = { "content-type": "application/x-www-form-urlencoded" };

Deno.test("the same event in every wrapping that client libraries use", async () => {
  await using server = await captureServer();
  const { token } = server;
  const event = {
    api_key: token,
    event: "e",
    distinct_id: "d",
    properties: { text: "naïve 🦔 +/=" },
  };
  const text = json(event);
  const base64 = Buffer.from(text).toString("base64");
  const formOf = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
  const multipart = new FormData();
  multipart.set("data", text);
  const wrappings: [string, string, BodyInit, HeadersInit][] = [
    ["json", "/e/", text, JSON_TYPE],
    ["no slash", "/e", text, JSON_TYPE],
    ["capture", "/capture/", text, JSON_TYPE],
    ["track", "/track/", text, JSON_TYPE],
    ["sendBeacon", "/e/", text, { "content-type": "text/plain;charset=UTF-8" }],
    ["base64 body", "/e/", base64, { "content-type": "text/plain" }],
    ["base64 said", "/e/?compression=base64", base64, { "content-type": "text/plain" }],
    ["form", "/e/", formOf({ data: text }), FORM_TYPE],
    ["form of base64", "/e/", formOf({ data: base64, compression: "base64" }), FORM_TYPE],
    ["curl -d", "/e/", text, FORM_TYPE],
    ["multipart", "/e/", multipart, {}],
    ["gzip by header", "/e/", gzipSync(text), { ...JSON_TYPE, "content-encoding": "gzip" }],
    ["gzip by query", "/e/?compression=gzip-js", gzipSync(text), { "content-type": "text/plain" }],
    [
      "lz64",
      "/e/",
      formOf({ data: LZString.compressToBase64(text), compression: "lz64" }),
      FORM_TYPE,
    ],
    ["batch", "/batch/", json({ api_key: token, batch: [event] }), JSON_TYPE],
    ["list", "/e/", json([event]), JSON_TYPE],
  ];
  for (const [name, path, body, headers] of wrappings) {
    const answer = await server.post(path, body, headers);
    assert.deepEqual(answer, { status: 200, body: { status: 1 } }, `${name} ${json(answer)}`);
    const [accepted, ...others] = await server.accepted();
    assert.equal(others.length, 0, name);
    assert.equal(accepted?.teamId, server.teamId, name);
    assert.equal(accepted?.distinctId, "d", name);
    assert.equal(accepted?.ip, "127.0.0.1", name);
    assert.deepEqual(accepted?.data.properties, event.properties, name);
  }
  const response = await fetch(
    `${server.address}/e/?data=${encodeURIComponent(base64)}&_=1635422400000`,
  );
  assert.equal(response.status, 200);
  await response.body?.cancel();
  assert.equal((await server.accepted())[0]?.sentAt, "2021-10-28T12:00:00.000Z");
});

Deno.test("the key is found wherever it stands", async () => {
  await using server = await captureServer();
  const { token } = server;
  const event = { event: "e", distinct_id: "d" };
  const bodies = [
    { ...event, token },
    { ...event, $token: token },
    { ...event, api_key: token },
    { ...event, properties: { token } },
    [{ ...event, token }, { ...event, token: "another's" }],
  ];
  for (const body of bodies) {
    const answer = await server.post("/e/", json(body), JSON_TYPE);
    assert.equal(answer.status, 200, json([body, answer]));
  }
  const form = new URLSearchParams({ data: json(event), api_key: token }).toString();
  assert.equal((await server.post("/e/", form, FORM_TYPE)).status, 200);
  assert.equal((await server.accepted()).length, 7);
});

Deno.test("what an event needs, and what is filled in", async () => {
  await using server = await captureServer();
  const { token: api_key } = server;
  const batch = [
    { event: "kept", distinct_id: 5 },
    {
      event: "first present wins",
      $distinct_id: "a",
      distinct_id: "b",
      properties: { distinct_id: "c" },
    },
    { event: "in properties", properties: { distinct_id: "p" } },
    { event: "cut", distinct_id: "x".repeat(1000) },
    { event: "no id" },
    { event: "empty id", distinct_id: "" },
    { distinct_id: "no name" },
    { event: "list id", distinct_id: ["a"] },
  ];
  const { status } = await server.post(
    "/batch/",
    json({ api_key, sent_at: "2021-10-28T12:00:00Z", batch }),
    JSON_TYPE,
  );
  assert.equal(status, 200);
  const accepted = await server.accepted();
  assert.deepEqual(accepted.map(({ distinctId }) => distinctId), [
    "5",
    "a",
    "p",
    "x".repeat(200),
    '["a"]',
  ]);
  assert.ok(
    accepted.every(({ sentAt, data }) =>
      sentAt === "2021-10-28T12:00:00.000Z" && typeof data.properties === "object"
    ),
  );
  assert.equal(new Set(accepted.map(({ uuid }) => uuid)).size, 5);
  await server.post(
    "/engage/",
    json({ api_key, event: "x", distinct_id: "d", $set: { a: 1 } }),
    JSON_TYPE,
  );
  assert.equal((await server.accepted())[0]?.data.event, "$identify");
});

Deno.test("what cannot be taken is refused with the reason, and never with a fault of the server's", async () => {
  await using server = await captureServer();
  const { token: api_key } = server;
  const ok = { api_key, event: "e", distinct_id: "d" };
  const deep = `{"api_key":"${api_key}","event":"e","distinct_id":"d","properties":{"a":${
    "[".repeat(20_000)
  }${"]".repeat(20_000)}}}`;
  const cases: [string, BodyInit, HeadersInit, number, string][] = [
    ["malformed JSON", `{"api_key":`, JSON_TYPE, 400, "invalid_payload"],
    ["not JSON at all", "hello there", JSON_TYPE, 400, "invalid_payload"],
    ["too deep", deep, JSON_TYPE, 400, "invalid_payload"],
    ["nothing", "", JSON_TYPE, 400, "no_data"],
    ["an empty object", "{}", JSON_TYPE, 400, "no_data"],
    ["a form without data", "other=1", FORM_TYPE, 400, "no_data"],
    [
      "broken gzip",
      "not gzip",
      { ...JSON_TYPE, "content-encoding": "gzip" },
      400,
      "invalid_payload",
    ],
    [
      "broken multipart",
      "x",
      { "content-type": "multipart/form-data; boundary=y" },
      400,
      "invalid_payload",
    ],
    ["no key", json({ event: "e" }), JSON_TYPE, 401, "missing_api_key"],
    ["a wrong key", json({ ...ok, api_key: "nope" }), JSON_TYPE, 401, "invalid_api_key"],
    [
      "a wrong personal key",
      json({ ...ok, api_key: "x", project_id: 1 }),
      JSON_TYPE,
      401,
      "invalid_personal_api_key",
    ],
    [
      "a wrong project",
      json({ ...ok, api_key: "x", project_id: "y" }),
      JSON_TYPE,
      400,
      "invalid_project",
    ],
    ["a number", "5", JSON_TYPE, 401, "missing_api_key"],
    ["an event that is none", json({ api_key, batch: [5] }), JSON_TYPE, 400, "invalid_payload"],
    [
      "a snapshot without data",
      json({ ...ok, event: "$snapshot" }),
      JSON_TYPE,
      400,
      "invalid_payload",
    ],
    [
      "too large",
      json({ ...ok, properties: { x: "x".repeat(200_000) } }),
      JSON_TYPE,
      413,
      "payload_too_large",
    ],
    [
      "too large inside",
      gzipSync(json({ ...ok, x: "x".repeat(2_000_000) })),
      { "content-encoding": "gzip" },
      413,
      "payload_too_large",
    ],
  ];
  for (const [name, body, headers, status, code] of cases) {
    const answer = await server.post("/e/", body, headers);
    assert.deepEqual([answer.status, answer.body.code], [status, code], `${name}: ${json(answer)}`);
    assert.ok(answer.body.detail, name);
  }
  assert.deepEqual(await server.accepted(), []);
  const python =
    `{"api_key":"${api_key}","event":"NaN","distinct_id":"d","properties":{"n":NaN,"i":-Infinity,"t":"NaN"}}`;
  assert.equal((await server.post("/e/", python, JSON_TYPE)).status, 200);
  const properties = (await server.accepted())[0]?.data.properties;
  assert.deepEqual(properties, { n: null, i: null, t: "NaN" });
});

Deno.test("a store that is away is 503, and the event is not lost but the sender's to send again", async () => {
  await using server = await captureServer();
  const body = json({ api_key: server.token, event: "e", distinct_id: "d" });
  assert.equal((await server.post("/e/", body, JSON_TYPE)).status, 200);
  await server.query("ALTER TABLE paddock.inbox RENAME TO inbox_away");
  const response = await fetch(`${server.address}/e/`, {
    method: "POST",
    body,
    headers: JSON_TYPE,
  });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "5");
  assert.equal((await response.json()).type, "server_error");
  await server.query("ALTER TABLE paddock.inbox_away RENAME TO inbox");
  assert.equal((await server.post("/e/", body, JSON_TYPE)).status, 200);
  assert.equal((await server.accepted()).length, 2);
});

Deno.test("recordings are packed per session, in chunks", async () => {
  await using server = await captureServer();
  const { token } = server;
  const snapshot = (session: string, data: unknown) => ({
    event: "$snapshot",
    distinct_id: "d",
    properties: { $session_id: session, $snapshot_data: data, token },
  });
  const body = [
    snapshot("one", { type: 2, text: "🦔" }),
    { event: "e", distinct_id: "d", properties: { token } },
    snapshot("one", { type: 3 }),
    snapshot("two", { type: 3 }),
  ];
  assert.equal((await server.post("/s/", json(body), JSON_TYPE)).status, 200);
  const accepted = await server.accepted();
  assert.deepEqual(accepted.map(({ data }) => data.event), ["e", "$snapshot", "$snapshot"]);
  const chunk = (accepted[1]?.data.properties as Record<string, Record<string, unknown>>)
    .$snapshot_data;
  assert.deepEqual([chunk?.chunk_index, chunk?.chunk_count, chunk?.has_full_snapshot], [
    0,
    1,
    true,
  ]);
  const packed = gunzipSync(Buffer.from(String(chunk?.data), "base64")).toString("utf16le");
  assert.deepEqual(JSON.parse(packed.replace("\uFEFF", "")), [{ type: 2, text: "🦔" }, {
    type: 3,
  }]);
});

Deno.test("the sender's address is believed from trusted proxies alone", async () => {
  const send = async (trusted: string[], forwarded: string) => {
    await using server = await captureServer(trusted);
    const body = json({ api_key: server.token, event: "e", distinct_id: "d" });
    await server.post("/e/", body, { ...JSON_TYPE, "x-forwarded-for": forwarded });
    return (await server.accepted())[0]?.ip;
  };
  assert.equal(await send([], "9.9.9.9"), "127.0.0.1");
  assert.equal(await send(["127.0.0.0/8"], " 6.6.6.6, 9.9.9.9"), "9.9.9.9");
  assert.equal(await send(["127.0.0.1", "9.9.9.0/24"], "6.6.6.6, 9.9.9.9"), "6.6.6.6");
  assert.equal(await send(["127.0.0.1"], "not an address"), "127.0.0.1");
  assert.throws(() => new ClientAddress(["nope"]), (error: unknown) => {
    assert.ok(error instanceof PaddockError);
    assert.match(error.message, /TRUSTED_PROXIES: 'nope'/);
    return true;
  });
});

Deno.test("routes, methods, CORS, health", async () => {
  await using server = await captureServer();
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${server.address}${path}`, init);
    const text = await response.text();
    return { response, text };
  };
  assert.equal((await ask("/nothing/here")).response.status, 404);
  assert.equal((await ask("/e/", { method: "PUT", body: "x" })).response.status, 405);
  assert.equal((await ask("/_health")).response.status, 200);
  const ready = await ask("/_ready");
  assert.equal(ready.response.status, 503);
  assert.match(ready.text, /"reason":"is away"/);
  assert.match(
    (await ask("/decide/?v=1", { method: "POST", body: "{}" })).text,
    /supportedCompression/,
  );
  const options = await ask("/e/", {
    method: "OPTIONS",
    headers: { origin: "https://shop.example", "access-control-request-method": "POST" },
  });
  assert.equal(options.response.status, 204);
  const { headers } = options.response;
  assert.equal(headers.get("access-control-allow-origin"), "https://shop.example");
  assert.match(headers.get("access-control-allow-headers") ?? "", /Content-Type/);
});

Deno.test("the address of an anonymizing project's visitors is never stored", async () => {
  await using server = await captureServer();
  await server.query("UPDATE posthog_team SET anonymize_ips = true");
  await server.post(
    "/e/",
    json({ api_key: server.token, event: "e", distinct_id: "d" }),
    JSON_TYPE,
  );
  assert.equal((await server.accepted())[0]?.ip, null);
});
