/** `posthog.api` out of the fence, asked of web servers on this machine. */
import assert from "node:assert/strict";
import { SiteClient } from "../../../src/plugins/site/site_client.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import { createFirstProject, createProject } from "../../../src/stores/postgres/first_project.ts";
import { PostgresSiteKeys } from "../../../src/stores/postgres/site_keys.ts";
import { pushEvents } from "../../../src/sources/celery/producer.ts";
import { createTestDatabase } from "../../services/database.ts";
import { eventually } from "../../services/eventually.ts";
import { prepareDatabase } from "../../services/pipeline.ts";
import { installPlugin } from "../../services/plugin_rows.ts";
import { createTestQueue } from "../../services/redis_queue.ts";
import { startServerProcess } from "../../services/server_process.ts";
import { Breakers } from "../../../src/plugins/breaker/breakers.ts";
import { fence, pluginEvent, propertiesOf, TEAM, type TestPlugin } from "../fence.ts";
import { rawEvent } from "../../services/raw_event.ts";

interface Seen {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string;
}

/** A web server that notes what it is asked. */
function webServer(answer: (request: Seen) => Response | Promise<Response>) {
  const seen: Seen[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (given) => {
      const { method, url, headers } = given;
      const request = { method, url: new URL(url), headers, body: await given.text() };
      seen.push(request);
      return await answer(request);
    },
  );
  return {
    seen,
    url: new URL(`http://127.0.0.1:${server.addr.port}`),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const KEYS = { project: "phc_project", personal: "phx_secret" };

/** Runs one event through a plugin whose site is there, and returns what it put into `result`. */
async function ask(
  site: URL | null,
  body: string,
  plugin: Partial<TestPlugin> = {},
): Promise<unknown> {
  const forgotten: number[] = [];
  const client = new SiteClient(site, {
    keysOf: () => Promise.resolve(KEYS),
    forget: (teamId) => forgotten.push(teamId),
  });
  const source = `
    exports.processEvent = async (event, { config }) => {
      try { event.properties.result = await (async () => { ${body} })() }
      catch (error) { event.properties.result = "refused: " + error.message }
      return event
    }`;
  const options = {
    taskTimeoutMs: 20_000,
    egress: { requests: 3, requestMs: 3_000, bytesPerMinute: 1e8 },
  };
  await using fenced = fence(
    [{ source, ...plugin }],
    options,
    undefined,
    new Breakers(null),
    client,
  );
  const [properties] = propertiesOf(await fenced.run([pluginEvent(1)]));
  assert.ok(properties, fenced.logText());
  return properties.result;
}

Deno.test("get, post, put and delete reach the site with the project's keys [5.api]", async () => {
  await using site = webServer(({ method }) =>
    method === "DELETE"
      ? new Response(null, { status: 204 })
      : Response.json({ from: method }, { headers: { "x-a": "b", "set-cookie": "c=d" } })
  );
  const result = await ask(
    site.url,
    `
    const { api } = posthog
    const got = await api.get("/api/projects/@current/insights", { data: { limit: 2, tags: ["a"] } })
    const posted = await api.post("api/annotation", { data: { text: "hi" }, headers: { "X-Own": "1", Host: "evil", Authorization: "Bearer mine" } })
    const put = await api.put("/api/annotation/1", { data: { text: "ho" } })
    const deleted = await api.delete("/api/annotation/1", { data: { why: "old" } })
    return [
      got.ok, await got.json(), got.headers.get("x-a"), got.headers.get("set-cookie"), got.url,
      await posted.json(), await put.text(), deleted.status, await deleted.text(),
    ]`,
  );
  const address = `${site.url}api/projects/${TEAM}/insights?limit=2&tags=${
    encodeURIComponent('["a"]')
  }`;
  assert.deepEqual(result, [
    true,
    { from: "GET" },
    "b",
    null,
    address,
    { from: "POST" },
    '{"from":"PUT"}',
    204,
    "",
  ]);
  assert.deepEqual(
    site.seen.map(({ method, url, body }) => [method, url.pathname, url.search, body]),
    [
      [
        "GET",
        `/api/projects/${TEAM}/insights`,
        "?limit=2&tags=%5B%22a%22%5D&token=phc_project",
        "",
      ],
      ["POST", "/api/annotation", "?token=phc_project", '{"text":"hi"}'],
      ["PUT", "/api/annotation/1", "?token=phc_project", '{"text":"ho"}'],
      ["DELETE", "/api/annotation/1", "?why=old&token=phc_project", ""],
    ],
  );
  for (const { headers, url } of site.seen) {
    assert.equal(headers.get("authorization"), "Bearer phx_secret");
    assert.equal(headers.get("host"), url.host);
  }
  assert.equal(site.seen[1]?.headers.get("x-own"), "1");
  assert.equal(site.seen[1]?.headers.get("content-type"), "application/json");
});

Deno.test("no way of asking brings the keys to another host", async () => {
  await using evil = webServer(() => new Response("got it"));
  await using site = webServer(({ url }) =>
    new Response(null, {
      status: Number(url.searchParams.get("status")),
      headers: { location: url.searchParams.get("to") as string },
    })
  );
  const evilHost = JSON.stringify(evil.url.href);
  const attacks = [
    `posthog.api.get(${evilHost})`,
    `posthog.api.get("//${evil.url.host}/a")`,
    `posthog.api.get("a", { host: ${evilHost} })`,
    `posthog.api.post("a", { host: ${evilHost}, data: {} })`,
    `posthog.api.get("a", { host: ${evilHost}, projectApiKey: "only one" })`,
    `posthog.api.get("a", { host: ${
      JSON.stringify(site.url.origin.replace("://", "://x@"))
    }.replace("127", "127.0.0.1:${evil.url.port}#") })`,
    ...[301, 302, 303, 307, 308].map((status) =>
      `posthog.api.get("a?status=${status}&to=" + encodeURIComponent(${evilHost}))`
    ),
    `posthog.api.get("a", { toString() { return "b" }, host: { toString: () => ${evilHost} } })`,
  ];
  for (const attack of attacks) {
    const result = await ask(site.url, `return (await ${attack}).status`);
    assert.match(String(result), /^refused: /, `${attack}: ${result}`);
  }
  // Of other methods a redirect is an answer like any other: nothing is sent after it.
  const posted = await ask(
    site.url,
    `const { status } = await posthog.api.post("a?status=307&to=" + encodeURIComponent(${evilHost})); return status`,
  );
  assert.equal(posted, 307);
  assert.equal(evil.seen.length, 0);
});

Deno.test("redirects within the site are followed, a bounded number of them", async () => {
  await using site = webServer(({ url }) =>
    url.pathname === "/api/event/"
      ? Response.json(url.search)
      : new Response(null, { status: 301, headers: { location: `${url.pathname}/` } })
  );
  assert.deepEqual(
    await ask(site.url, `return await (await posthog.api.get("api/event")).json()`),
    "?token=phc_project",
  );
  const endless = await ask(site.url, `return (await posthog.api.get("api")).status`);
  assert.equal(endless, "refused: posthog.api: over 5 redirects");
});

Deno.test("with keys of its own a plugin asks any host that it was granted, by itself", async () => {
  await using other = webServer(() => Response.json("other"));
  await using site = webServer(() => Response.json("site"));
  const own = `projectApiKey: "phc_mine", personalApiKey: "phx_mine"`;
  const call = `
    const answer = await posthog.api.post("/api/x", { host: "${other.url.origin}", ${own}, data: { a: 1 } })
    return await answer.json()`;
  assert.match(String(await ask(site.url, call)), /^refused: fetch failed: .* was not granted/);
  assert.equal(other.seen.length, 0);
  assert.equal(await ask(site.url, call, { grants: [other.url.host] }), "other");
  const [request] = other.seen;
  assert.equal(request?.url.search, "?token=phc_mine");
  assert.equal(request?.headers.get("authorization"), "Bearer phx_mine");
  assert.equal(request?.body, '{"a":1}');
  // Without a host it is the site that is asked, with the plugin's keys and no other.
  assert.equal(
    await ask(site.url, `return await (await posthog.api.get("/api/x", { ${own} })).json()`),
    "site",
  );
  assert.equal(site.seen[0]?.headers.get("authorization"), "Bearer phx_mine");
  assert.ok(!JSON.stringify([...site.seen[0]?.headers ?? []]).includes(KEYS.personal));
});

Deno.test("what cannot be asked is an error that says why", async () => {
  await using site = webServer(async ({ url }) => {
    if (url.pathname === "/slow") await new Promise((resolve) => setTimeout(resolve, 4_000));
    return new Response("x".repeat(url.pathname === "/large" ? 17 * 1024 * 1024 : 1));
  });
  assert.equal(
    await ask(null, `return (await posthog.api.get("a")).status`),
    "refused: posthog.api: the server's setting SITE_URL is not set",
  );
  assert.equal(
    await ask(new URL("http://127.0.0.1:1"), `return (await posthog.api.get("a")).status`),
    "refused: posthog.api: http://127.0.0.1:1 cannot be reached now",
  );
  assert.equal(
    await ask(site.url, `return (await posthog.api.get("/slow")).status`),
    "refused: posthog.api: there was no answer in time",
  );
  assert.match(
    String(await ask(site.url, `return (await posthog.api.get("/large")).status`)),
    /the answer has over 16777216 bytes/,
  );
  assert.match(
    String(
      await ask(
        site.url,
        `return (await posthog.api.post("a", { data: { text: "x".repeat(3e6) } })).status`,
      ),
    ),
    /^refused: posthog\.api was given 30000\d\d bytes; at most 2097152 may be sent/,
  );
  const many = await ask(
    site.url,
    `const all = await Promise.allSettled(Array.from({ length: 5 }, () => posthog.api.get("a")))
     return all.map(({ status }) => status)`,
  );
  assert.deepEqual(many, ["fulfilled", "fulfilled", "fulfilled", "rejected", "rejected"]);
});

Deno.test("an organization's first request makes its bot and key; later ones find them", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  await migrate(database);
  const first = await createFirstProject(database);
  assert.ok(first !== null);
  const second = await createProject(database, first.organizationId, "Second");
  const servers = [new PostgresSiteKeys(database), new PostgresSiteKeys(database)];
  const all = await Promise.all(
    servers.flatMap((keys) => [keys.keysOf(first.teamId), keys.keysOf(second.teamId)]),
  );
  assert.deepEqual(all.map(({ project }) => project), [
    first.apiToken,
    second.apiToken,
    first.apiToken,
    second.apiToken,
  ]);
  assert.equal(new Set(all.map(({ personal }) => personal)).size, 1);
  assert.match(all[0]?.personal ?? "", /^phx_[a-zA-Z0-9]{32}$/);
  const bots = await database.query<Record<string, unknown>>(
    `SELECT email LIKE '%@posthogbot.user' AS "isBot", left(password, 1) AS password, is_staff,
       level, current_organization_id = $1 AS "isHome"
     FROM posthog_user JOIN posthog_organizationmembership ON user_id = posthog_user.id`,
    [first.organizationId],
  );
  assert.deepEqual(bots, [
    { isBot: true, password: "!", is_staff: false, level: 1, isHome: true },
  ]);
  // A key that was deleted is not used for ever.
  const [keys] = servers as [PostgresSiteKeys];
  await database.query("DELETE FROM posthog_personalapikey");
  keys.forget(first.teamId);
  const renewed = await keys.keysOf(first.teamId);
  assert.notEqual(renewed.personal, all[0]?.personal);
  await assert.rejects(keys.keysOf(999_999), /there is no project 999999/);
});

Deno.test("through the real server: SITE_URL, the project's token, a key of the organization's bot", async () => {
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  await using site = webServer(() => Response.json({ results: [1, 2] }));
  const { database } = test;
  const teamId = await prepareDatabase(database);
  await installPlugin(database, {
    name: "Asking",
    teamId,
    source: `export async function processEvent(event) {
      const answer = await posthog.api.get("/api/projects/@current/annotations")
      event.properties.found = (await answer.json()).results.length
      return event
    }`,
  });
  const baseDir = await Deno.makeTempDir();
  const server = await startServerProcess({
    DATABASE_URL: test.url,
    REDIS_URL: queue.url,
    PLUGINS_CELERY_QUEUE: queue.queue,
    BASE_DIR: baseDir,
    SITE_URL: site.url.href,
  });
  try {
    await pushEvents(queue.redis, queue.queue, [
      rawEvent(teamId, "visitor", { event: "e", properties: {} }),
    ]);
    let found: unknown;
    await eventually(async () => {
      const rows = await database.query<{ properties: Record<string, unknown> }>(
        "SELECT properties FROM posthog_event",
      );
      found = rows[0]?.properties.found;
      return rows.length > 0;
    });
    assert.equal(found, 2);
  } finally {
    await server.stop();
    await Deno.remove(baseDir, { recursive: true });
  }
  const [keys] = await database.query<{ token: string; value: string }>(
    "SELECT api_token AS token, value FROM posthog_team, posthog_personalapikey",
  );
  const [request] = site.seen;
  assert.equal(request?.url.pathname, `/api/projects/${teamId}/annotations`);
  assert.equal(request?.url.search, `?token=${keys?.token}`);
  assert.equal(request?.headers.get("authorization"), `Bearer ${keys?.value}`);
});
