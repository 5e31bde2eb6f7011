/** exportEvents against a real endpoint that fails: what is accepted for export arrives. */
import assert from "node:assert/strict";
import { exportSettings } from "../../../src/pipeline/delivery/export_settings.ts";
import { ProcessMemory } from "../../../src/plugins/hosts/process_memory.ts";
import { createTestDatabase, type TestDatabase } from "../../services/database.ts";
import { type Endpoint, startEndpoint } from "../../services/export_endpoint.ts";
import { freePort } from "../../services/free_port.ts";
import { feed, item, prepareDatabase } from "../../services/pipeline.ts";
import {
  eventually,
  installedSpecs,
  type PluginServer,
  startPluginServer,
} from "../../services/plugin_server.ts";

const EXPORTER = `
exports.exportEvents = async (events, { config }) => {
  let response
  try {
    response = await fetch(config.url, {
      method: "POST",
      body: JSON.stringify(events.map((event) => event.properties.number)),
      signal: AbortSignal.timeout(400),
    })
    await response.text()
  } catch (error) {
    throw new RetryError("cannot be reached: " + error.message)
  }
  if (response.status !== 200) throw new RetryError("status " + response.status)
}`;

function numbered(teamId: number, from: number, count: number, event = "seen") {
  return Array.from(
    { length: count },
    (_, index) => item(teamId, { event, properties: { number: from + index } }),
  );
}

async function start(
  test: TestDatabase,
  endpoint: Pick<Endpoint, "port">,
  plugin: { source?: string; config?: Record<string, unknown> } = {},
  options: Parameters<typeof startPluginServer>[2] = {},
): Promise<{ server: PluginServer; teamId: number; configId: number }> {
  const teamId = await prepareDatabase(test.database);
  const specs = await installedSpecs(test.database, teamId, [{
    source: plugin.source ?? EXPORTER,
    grants: [`127.0.0.1:${endpoint.port}`],
    config: {
      url: `http://127.0.0.1:${endpoint.port}/`,
      exportEventsBufferSeconds: "1",
      ...plugin.config,
    },
  }]);
  const server = await startPluginServer(test.database, specs, {
    jobs: { url: test.url },
    ...options,
  });
  return { server, teamId, configId: specs[0]?.configs[0]?.id as number };
}

Deno.test("the settings have the names and defaults that plugins know", () => {
  assert.deepEqual(exportSettings({}), {
    bufferBytes: 1024 * 1024,
    bufferSeconds: 10,
    ignored: new Set(),
  });
  assert.deepEqual(
    exportSettings({
      exportEventsBufferBytes: "5000",
      exportEventsBufferSeconds: "9999",
      exportEventsToIgnore: "$pageview, seen ,,",
    }),
    { bufferBytes: 5000, bufferSeconds: 600, ignored: new Set(["$pageview", "seen"]) },
  );
  const odd = exportSettings({ exportEventsBufferBytes: "-3", exportEventsBufferSeconds: "soon" });
  assert.equal(odd.bufferBytes, 1);
  assert.equal(odd.bufferSeconds, 10);
});

Deno.test("events are exported in batches by seconds and by bytes, those to ignore are not", async () => {
  await using test = await createTestDatabase();
  await using endpoint = await startEndpoint();
  const { server, teamId } = await start(test, endpoint, {
    config: { exportEventsToIgnore: "boring, dull", exportEventsBufferBytes: "3000" },
  });
  await using _ = server;
  await feed(server.pipeline, [
    ...numbered(teamId, 0, 50),
    ...numbered(teamId, 50, 5, "boring"),
    ...numbered(teamId, 55, 5, "dull"),
  ]);
  await eventually(() => endpoint.numbers().size >= 50, () => server.logText());
  assert.deepEqual([...endpoint.numbers()].sort((a, b) => a - b), [...Array(50).keys()]);
  // Events of about 250 bytes: several batches, none of one event alone, none above the limit.
  assert.ok(endpoint.batches.length > 3, `${endpoint.batches.length} batches`);
  assert.ok(endpoint.batches.every((batch) => batch.length < 20));
  assert.equal(endpoint.batches.flat().length, 50);
});

Deno.test("500s, timeouts and resets: every event arrives in the end [5.export-events]", async () => {
  await using test = await createTestDatabase();
  await using endpoint = await startEndpoint();
  const { server, teamId } = await start(
    test,
    endpoint,
    { config: { exportEventsBufferBytes: "2000" } },
    { jobs: { url: test.url, policies: { export: { attempts: 12, firstWaitSeconds: 0.1 } } } },
  );
  await using _ = server;
  const behaviours = ["fail", "accept", "hang", "reset", "accept"] as const;
  endpoint.behave((request) => request > 40 ? "accept" : behaviours[request % 5] ?? "accept");
  for (let round = 0; round < 5; round++) {
    await feed(server.pipeline, numbered(teamId, round * 40, 40));
  }
  await eventually(() => endpoint.numbers().size === 200, () => server.logText(), 60_000);
  await eventually(
    async () => (await server.jobs?.counts())?.waiting === 0,
    () => "batches are left in the queue",
  );
  assert.deepEqual(await server.jobs?.counts(), { waiting: 0, dead: 0 });
});

/**
 * How long the host is dead. The first wait is so much of it as 6 s are of an hour, so that batches
 * are tried as often as within an hour; `PADDOCK_DEAD_HOST_SECONDS=3600` is the hour itself.
 */
const deadSeconds = Number(Deno.env.get("PADDOCK_DEAD_HOST_SECONDS") ?? 3);
const TRIES_IN_AN_HOUR = 9;

/** Of this process and of a plugin's. */
async function residentMb(pid: number): Promise<number> {
  const ofPlugin = (await new ProcessMemory().of([pid])).get(pid) ?? 0;
  return (Deno.memoryUsage().rss + ofPlugin) / 1024 / 1024;
}

Deno.test("a host that is dead for an hour holds nothing up, costs bounded memory and loses nothing", async () => {
  await using test = await createTestDatabase();
  const port = freePort();
  const { server, teamId } = await start(
    test,
    { port },
    { config: { exportEventsBufferBytes: "100000" } },
    {
      jobs: {
        url: test.url,
        policies: { export: { attempts: 30, firstWaitSeconds: deadSeconds / 600 } },
      },
      // Who is slow on a busy machine is not to be paused for it.
      hosts: { taskTimeoutMs: 20_000 },
    },
  );
  await using _ = server;
  for (let round = 0; round < 10; round++) {
    await feed(server.pipeline, numbered(teamId, round * 1_000, 1_000));
    for (const { bytes } of server.deliverer.deliveries) {
      assert.ok(bytes < 16 * 1024 * 1024, `${bytes} bytes are held`);
    }
  }
  const rows = await test.database.query<{ count: number }>(
    "SELECT count(*)::int FROM posthog_event",
  );
  assert.equal(rows[0]?.count, 10_000, "the pipeline went on");
  const pid = server.hosts.hosts[0]?.pid as number;
  const began = performance.now();
  const before = await residentMb(pid);
  const fewest = async () => {
    const [row] = await test.database.query<{ tries: number; jobs: number }>(
      `SELECT coalesce(min(attempts), 0) AS tries, count(*)::int AS jobs
       FROM paddock_jobs._private_jobs`,
    );
    return row ?? { tries: 0, jobs: 0 };
  };
  let most = 0;
  await eventually(
    async () => {
      most = Math.max(most, await residentMb(pid) - before);
      const { tries, jobs } = await fewest();
      const isOver = performance.now() - began > deadSeconds * 1000;
      return isOver && jobs > 0 && tries >= TRIES_IN_AN_HOUR;
    },
    () => server.logText().slice(-5_000),
    deadSeconds * 3_000 + 300_000,
  );
  // Nothing of it is in memory: a batch is there while it is tried.
  assert.ok(most < 150, `${most} MB more than when it began`);
  assert.equal(server.hosts.hosts[0]?.pid, pid, "the plugin's process lived on");
  assert.equal((await server.jobs?.counts())?.dead, 0);
  await using endpoint = await startEndpoint(port);
  // The last of the waits is as long as the host was dead; that they come by themselves is seen.
  await test.database.query("UPDATE paddock_jobs._private_jobs SET run_at = now()");
  await eventually(
    () => endpoint.numbers().size === 10_000,
    () => server.logText().slice(-5_000),
    deadSeconds * 3_000 + 300_000,
  );
});

Deno.test("a batch that fails for good is kept as a dead job, and arrives when it is tried again", async () => {
  await using test = await createTestDatabase();
  await using endpoint = await startEndpoint();
  const { server, teamId } = await start(test, endpoint, {
    source: `${EXPORTER}
      const exportEvents = exports.exportEvents
      exports.exportEvents = async (events, meta) => {
        if (!meta.global.broken) { meta.global.broken = true; throw new Error("a mistake") }
        await exportEvents(events, meta)
      }`,
  });
  await using _ = server;
  await feed(server.pipeline, numbered(teamId, 0, 5));
  await eventually(async () => (await server.jobs?.counts())?.dead === 1, () => server.logText());
  const [dead] = await server.jobs?.list({ limit: 5, onlyDead: true, teamId }) ?? [];
  assert.equal(dead?.lastError, "a mistake");
  assert.equal(dead?.events, 5);
  assert.match(
    server.logText(),
    /5 events were not exported and are kept for 'paddock jobs retry'/,
  );
  assert.equal(endpoint.numbers().size, 0);
  assert.equal(await server.jobs?.retry("all"), 1);
  await eventually(() => endpoint.numbers().size === 5, () => server.logText());
});

Deno.test("killed under their exports, host and server lose nothing", async () => {
  await using test = await createTestDatabase();
  await using endpoint = await startEndpoint();
  const { server: first, teamId } = await start(
    test,
    endpoint,
    { config: { exportEventsBufferBytes: "5000" } },
    { ttlMs: 600 },
  );
  await feed(first.pipeline, numbered(teamId, 0, 100));
  await eventually(() => endpoint.numbers().size > 0, () => first.logText());
  Deno.kill(first.hosts.hosts[0]?.pid as number, "SIGKILL");
  await feed(first.pipeline, numbered(teamId, 100, 100));
  // These lie in a buffer that waits for more, in memory alone, when the server goes.
  const specs = first.hosts.hosts.map(({ spec }) => spec);
  await first.die();
  await using second = await startPluginServer(test.database, specs, {
    jobs: { url: test.url },
    ttlMs: 600,
  });
  await eventually(() => endpoint.numbers().size === 200, () => second.logText(), 30_000);
});

Deno.test("a plugin's own onEvent runs beside its exportEvents, and is not told twice", async () => {
  await using test = await createTestDatabase();
  await using endpoint = await startEndpoint();
  const { server, teamId } = await start(test, endpoint, {
    source: `${EXPORTER}
      exports.onEvent = (event) => console.log("own " + event.properties.number)`,
  });
  await using _ = server;
  await feed(server.pipeline, numbered(teamId, 0, 10));
  await eventually(
    () => endpoint.numbers().size === 10 && server.printed().length === 10,
    () => server.logText(),
  );
});

Deno.test("a server that stops hands over what is in its buffers first", async () => {
  await using test = await createTestDatabase();
  await using endpoint = await startEndpoint();
  const { server, teamId } = await start(test, endpoint, {
    config: { exportEventsBufferSeconds: "600" },
  });
  await feed(server.pipeline, numbered(teamId, 0, 10));
  await eventually(
    () => server.deliverer.deliveries.some(({ kind, bytes }) => kind === "export" && bytes > 0),
    () => "nothing is in the buffer",
  );
  assert.equal(endpoint.numbers().size, 0);
  await server[Symbol.asyncDispose]();
  assert.equal(endpoint.numbers().size, 10);
  const rows = await test.database.query<{ left: number }>(
    `SELECT count(*)::int AS left FROM paddock.outbox AS row, paddock.delivery_cursor AS cursor
     WHERE cursor.position < row.id`,
  );
  assert.equal(rows[0]?.left, 0, "they are not exported again");
});
