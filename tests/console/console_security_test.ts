/** Who may see and change what: every fence of the console, on a real server. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { strToU8, zipSync } from "fflate";
import { loadConfig } from "../../src/config/config.ts";
import { scriptSizes } from "../../src/console/assets.ts";
import { RateLimit } from "../../src/console/rate_limit.ts";
import { Sessions } from "../../src/console/sessions.ts";
import { consoleAccess } from "../../src/server_console.ts";
import { type Server, startServer } from "../../src/server.ts";
import { createTestDatabase } from "../services/database.ts";
import { freePort } from "../services/free_port.ts";

const TOKEN = "a-token-of-enough-characters";

interface TestConsole extends AsyncDisposable {
  readonly server: Server;
  readonly address: string;
  ask(path: string, init?: RequestInit): Promise<Response>;
}

async function startConsole(
  env: Record<string, string> = {},
  anyPort = true,
): Promise<TestConsole> {
  const database = await createTestDatabase();
  const server = await startServer(loadConfig({
    DATABASE_URL: database.url,
    REDIS_URL: "none",
    HTTP_PORT: "0",
    ...(anyPort ? { CONSOLE_PORT: "0" } : {}),
    ...env,
  }));
  const address = server.console as string;
  return {
    server,
    address,
    ask: (path, init) => fetch(`${address}${path}`, init),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await database[Symbol.asyncDispose]();
    },
  };
}

const JSON_TYPE = { "content-type": "application/json" };

/** Signs in as the page does; returns what every request is to carry. */
async function signIn({ ask }: TestConsole, token = ""): Promise<Record<string, string>> {
  const response = await ask("/api/session", {
    method: "POST",
    headers: JSON_TYPE,
    body: JSON.stringify({ token }),
  });
  assert.equal(response.status, 200, await response.clone().text());
  const { csrf } = await response.json();
  const cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
  return { ...JSON_TYPE, cookie, "x-csrf-token": csrf };
}

async function statusOf(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

Deno.test("beyond loopback there is no console without a token, and none at all without a host", async () => {
  const access = (env: Record<string, string>) => consoleAccess(loadConfig(env));
  assert.deepEqual(access({}), { token: null });
  assert.equal(access({ CONSOLE_HOST: "" }), null);
  for (const host of ["127.0.0.2", "::1", "localhost"]) {
    assert.deepEqual(access({ CONSOLE_HOST: host }), { token: null });
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.7", "console.example.com"]) {
    assert.throws(() => access({ CONSOLE_HOST: host }), /CONSOLE_HOST.*set CONSOLE_TOKEN/);
    assert.deepEqual(access({ CONSOLE_HOST: host, CONSOLE_TOKEN: TOKEN }), { token: TOKEN });
  }
  assert.throws(() => access({ CONSOLE_TOKEN: "short" }), /CONSOLE_TOKEN has 5 characters/);
  await using test = await startConsole();
  assert.match(test.address, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(
    await statusOf(fetch(`${test.server.address}/api/session`)),
    404,
    "not where events go",
  );
  await using without = await startConsole({ CONSOLE_HOST: "" });
  assert.equal(without.server.console, null);
});

Deno.test("a port that was asked for has to be free; the default need not be", async () => {
  const port = freePort();
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  try {
    await assert.rejects(startConsole({ CONSOLE_PORT: String(port) }), Deno.errors.AddrInUse);
  } finally {
    listener.close();
  }
  await using one = await startConsole({}, false);
  await using other = await startConsole({}, false);
  assert.notEqual(one.address, other.address);
});

Deno.test("without a session nothing is told; with a token, only to those who know it", async () => {
  await using test = await startConsole({ CONSOLE_TOKEN: TOKEN });
  for (const path of ["overview", "teams", "plugins?team=1", "settings", "dead-letters", "x"]) {
    assert.equal(await statusOf(test.ask(`/api/${path}`)), 401, path);
  }
  const forged = { cookie: "paddock_console=forged" };
  assert.equal(await statusOf(test.ask("/api/teams", { headers: forged })), 401);
  const wrong = { method: "POST", headers: JSON_TYPE, body: JSON.stringify({ token: "x" }) };
  assert.equal(await statusOf(test.ask("/api/session", wrong)), 401);
  const headers = await signIn(test, TOKEN);
  assert.equal(await statusOf(test.ask("/api/teams", { headers })), 200);
  const settings = await (await test.ask("/api/settings", { headers })).text();
  assert.doesNotMatch(settings, new RegExp(TOKEN), "secrets stay where they are");
  assert.equal(await statusOf(test.ask("/api/session", { method: "DELETE", headers })), 200);
  assert.equal(await statusOf(test.ask("/api/teams", { headers })), 401, "the session is over");
});

Deno.test("the session's cookie is out of reach for scripts and other sites", async () => {
  await using test = await startConsole();
  const open = (headers: Record<string, string> = {}) =>
    test.ask("/api/session", {
      method: "POST",
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify({ token: "" }),
    });
  const response = await open();
  await response.body?.cancel();
  const cookie = response.headers.get("set-cookie") ?? "";
  assert.match(cookie, /^paddock_console=[\w-]{43};/);
  assert.match(cookie, /HttpOnly/);
  assert.match(cookie, /SameSite=Strict/);
  assert.doesNotMatch(cookie, /Secure/, "it is HTTP here");
  const behindTls = await open({ "x-forwarded-proto": "https" });
  await behindTls.body?.cancel();
  assert.match(behindTls.headers.get("set-cookie") ?? "", /Secure/);
});

Deno.test("what changes something carries the session's own secret, and comes from the page", async () => {
  await using test = await startConsole();
  const headers = await signIn(test);
  const change = (more: Record<string, string>, leaveOut: string[] = []) =>
    statusOf(test.ask("/api/teams", {
      method: "POST",
      headers: Object.fromEntries(
        Object.entries({ ...headers, ...more }).filter(([name]) => !leaveOut.includes(name)),
      ),
      body: JSON.stringify({ name: "Made", organization: null }),
    }));
  assert.equal(await change({}, ["x-csrf-token"]), 403);
  assert.equal(await change({ "x-csrf-token": "guessed" }), 403);
  assert.equal(await change({ origin: "https://evil.example" }), 403);
  assert.equal(await change({ "sec-fetch-site": "cross-site" }), 403);
  assert.equal(await change({ "sec-fetch-site": "same-site" }), 403);
  assert.equal(await change({ "content-type": "text/plain" }), 415);
  assert.equal(await change({ origin: test.address, "sec-fetch-site": "same-origin" }), 200);
  const other = await signIn(test);
  assert.equal(await change({ "x-csrf-token": other["x-csrf-token"] as string }), 403);
  const teams = await (await test.ask("/api/teams", { headers })).json();
  assert.equal(teams.length, 2, "the one that was allowed");
});

Deno.test("a foreign name for this machine is refused where there is no token", async () => {
  await using test = await startConsole();
  const asked = async (host: string) => {
    const { hostname, port } = new URL(test.address);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const request = `GET /api/session HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(request));
    const text = await new Response(connection.readable).text();
    return Number(text.split(" ")[1]);
  };
  const { port } = new URL(test.address);
  assert.equal(await asked(`rebound.example:${port}`), 403);
  assert.equal(await asked(`localhost.evil.example:${port}`), 403);
  assert.equal(await asked(`localhost:${port}`), 200);
  assert.equal(await asked(`127.0.0.1:${port}`), 200);
});

Deno.test("nothing inline runs, nothing comes from elsewhere, nobody frames the page", async () => {
  await using test = await startConsole();
  for (const path of ["/", "/assets/main.tsx", "/api/session", "/nowhere"]) {
    const response = await test.ask(path);
    const text = await response.text();
    const policy = response.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/, path);
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.match(policy, /style-src 'self'(;|$)/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.match(policy, /require-trusted-types-for 'script'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("access-control-allow-origin"), null);
    if (path === "/") {
      assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|<style|\son\w+=|style=/);
    }
  }
});

Deno.test("guessing is slow, and so is flooding", async () => {
  await using test = await startConsole({ CONSOLE_TOKEN: TOKEN });
  const guess = () =>
    test.ask("/api/session", {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify({ token: "guess" }),
    });
  const statuses: number[] = [];
  for (let tries = 0; tries < 12; tries++) statuses.push(await statusOf(guess()));
  assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429]);
  const refused = await guess();
  await refused.body?.cancel();
  assert.ok(Number(refused.headers.get("retry-after")) > 0);

  const limit = new RateLimit({ limit: 3, windowMs: 1_000 });
  assert.deepEqual([0, 1, 2, 3, 500].map((now) => limit.take("a", now)), [0, 0, 0, 997, 500]);
  assert.equal(limit.take("b", 500), 0, "one does not pay for another");
  assert.equal(limit.take("a", 1_000), 0, "a window ends");
});

Deno.test("sessions are random, and end", () => {
  const sessions = new Sessions();
  const [one, other] = [sessions.create(), sessions.create()];
  assert.notEqual(one.token, other.token);
  assert.notEqual(one.session.csrf, other.session.csrf);
  assert.equal(sessions.get(one.token), one.session);
  assert.equal(sessions.get(undefined), null);
  sessions.end(one.token);
  assert.equal(sessions.get(one.token), null);
  assert.equal(sessions.get(other.token), other.session);
});

Deno.test("bad input is refused with a reason, and changes nothing", async () => {
  await using test = await startConsole();
  const headers = await signIn(test);
  const requests: [string, string, unknown, RegExp][] = [
    ["POST", "/plugins", {}, /Invalid/],
    ["POST", "/plugins", { teamId: 1, source: "/etc" }, /npm:package/],
    [
      "POST",
      "/plugins",
      { teamId: 1, file: { name: "x.zip", contentType: "", base64: "AAAA" } },
      /neither a zip/,
    ],
    ["PUT", "/plugins/1/config", { teamId: 1, values: {}, files: {} }, /there is no plugin '1'/],
    ["PUT", "/plugins/x/config", {}, /Invalid/],
    ["POST", "/teams", { name: "", organization: null }, /1 to 200 characters/],
    ["POST", "/dead-letters/replay", { ids: ["1; DROP TABLE x"] }, /ids\.0/],
    ["POST", "/dead-letters/purge", { ids: [] }, /ids/],
    ["PUT", "/order", { teamId: "1", pluginIds: [] }, /teamId/],
  ];
  for (const [method, path, body, reason] of requests) {
    const response = await test.ask(`/api${path}`, { method, headers, body: JSON.stringify(body) });
    const text = await response.text();
    assert.equal(response.status, 400, `${path}: ${text}`);
    assert.match(text, reason);
  }
  // A setting that becomes a host to reach.
  const manifest = {
    name: "Sender",
    config: [{ key: "host", type: "string" }],
    permissions: { net: ["{config.host}:443"] },
  };
  const archive = zipSync({
    "plugin.json": strToU8(JSON.stringify(manifest)),
    "index.js": strToU8(""),
  });
  const ask = (method: string, path: string, body: unknown) =>
    test.ask(`/api${path}`, { method, headers, body: JSON.stringify(body) });
  const file = { name: "x.zip", contentType: "", base64: Buffer.from(archive).toString("base64") };
  assert.equal(await statusOf(ask("POST", "/plugins", { teamId: 1, file })), 200);
  for (const [host, status] of [["localhost", 400], ["10.0.0.1", 400], ["a.example.com", 200]]) {
    const form = { teamId: 1, values: { host }, files: {} };
    const answer = await ask("PUT", "/plugins/1/config", form);
    const text = await answer.text();
    assert.equal(answer.status, status, text);
    if (status === 400) assert.match(text, /names this machine|address is not public/);
  }
  const broken = await test.ask("/api/teams", { method: "POST", headers, body: "{" });
  assert.deepEqual([broken.status, await broken.json()], [400, {
    error: "the request is not JSON",
  }]);
  for (const path of ["/events", "/events?team=0", "/events?team=1e99", "/plugins?team=x"]) {
    assert.equal(await statusOf(test.ask(`/api${path}`, { headers })), 400, path);
  }
});

Deno.test("all scripts together are under 150 KB as they are sent", async () => {
  const sizes = scriptSizes();
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  assert.ok(Object.keys(sizes).length > 15, "all are counted");
  assert.ok(total < 150_000, `${total} bytes: ${JSON.stringify(sizes)}`);
  await using test = await startConsole();
  const response = await test.ask("/assets/libraries/uplot.js");
  assert.equal(response.headers.get("content-encoding"), "gzip");
  assert.match(await response.text(), /class|function/);
  const again = await test.ask("/assets/libraries/uplot.js", {
    headers: { "if-none-match": response.headers.get("etag") ?? "" },
  });
  assert.equal(again.status, 304);
});
