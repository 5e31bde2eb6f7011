/** Stored events reach onEvent and onSnapshot: at least once, in batches, whatever dies. */
import assert from "node:assert/strict";
import type { PluginSpec } from "../../src/plugins/types.ts";
import { createTestDatabase } from "../services/database.ts";
import { feed, item, prepareDatabase } from "../services/pipeline.ts";
import { eventually, installedSpecs, startPluginServer } from "../services/plugin_server.ts";

const LISTENER = `
exports.onEvent = (event) => console.log("event " + event.properties.number + " " + event.event)
exports.onSnapshot = (event) => console.log("snapshot " + event.properties.$session_id)
`;

function numbered(teamId: number, from: number, count: number) {
  return Array.from(
    { length: count },
    (_, index) => item(teamId, { event: "seen", properties: { number: from + index } }),
  );
}

async function outboxRows(database: { query<Row>(text: string): Promise<Row[]> }): Promise<number> {
  const rows = await database.query<{ count: number }>(
    "SELECT count(*)::int FROM paddock.outbox",
  );
  return rows[0]?.count ?? -1;
}

Deno.test("onEvent gets each stored event, onSnapshot each recording, and the outbox is emptied", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{ source: LISTENER }]);
  await using server = await startPluginServer(database, specs, {
    hosts: { logLinesPerSecond: 10_000 },
  });
  await feed(server.pipeline, [
    ...numbered(teamId, 0, 250),
    item(teamId, {
      event: "$snapshot",
      properties: { $session_id: "abc", $snapshot_data: { chunk: 1 } },
    }),
  ]);
  await eventually(() => server.printed().length >= 251, () => server.logText());
  const printed = server.printed();
  assert.equal(printed.length, 251);
  assert.deepEqual(
    new Set(printed),
    new Set([
      ...Array.from({ length: 250 }, (_, number) => `event ${number} seen`),
      "snapshot abc",
    ]),
  );
  await eventually(async () => await outboxRows(database) === 0, () => "the outbox is not emptied");
});

Deno.test("a team whose plugins only change events costs no row of the outbox once that is known", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [
    { source: "exports.processEvent = (event) => event" },
  ]);
  await using server = await startPluginServer(database, specs);
  await feed(server.pipeline, numbered(teamId, 0, 10));
  // What it exports is known by now, as its processEvent ran.
  await feed(server.pipeline, numbered(teamId, 10, 10));
  assert.equal(server.hosts.targets.isWanted(teamId, "seen"), false);
  await eventually(() => server.deliverer.deliveries.length === 0, () => "cursors are left");
  const rows = await database.query("SELECT FROM paddock.delivery_cursor");
  assert.equal(rows.length, 0);
});

Deno.test("onEvent gets the event as it left processEvent, and no dropped one", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [
    {
      source: `exports.processEvent = (event) => {
        if (event.properties.number % 2) return null
        event.properties.number += 1000
        return event
      }`,
    },
    { source: LISTENER },
  ]);
  await using server = await startPluginServer(database, specs);
  await feed(server.pipeline, numbered(teamId, 0, 4));
  await eventually(() => server.printed().length >= 2, () => server.logText());
  assert.deepEqual(server.printed(), ["event 1000 seen", "event 1002 seen"]);
  // By now it is known what both export, and the events say so.
  await feed(server.pipeline, numbered(teamId, 4, 1));
  const [last] = await database.query<{ properties: Record<string, unknown> }>(
    "SELECT properties FROM posthog_event ORDER BY id DESC LIMIT 1",
  );
  const [changing, told] = specs.map(({ name, configs }) => `${name} (${configs[0]?.id})`);
  assert.deepEqual(last?.properties.$plugins_succeeded, [changing]);
  assert.deepEqual(last?.properties.$plugins_failed, []);
  assert.deepEqual(last?.properties.$plugins_deferred, [told]);
});

Deno.test("an onEvent that throws is told in the log, and the other events are delivered", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{
    source: `exports.onEvent = async (event) => {
      if (event.properties.number === 3) throw new Error("three")
      console.log("event " + event.properties.number)
    }`,
  }]);
  await using server = await startPluginServer(database, specs);
  await feed(server.pipeline, numbered(teamId, 0, 6));
  await eventually(() => server.printed().length >= 5, () => server.logText());
  assert.match(server.logText(), /three/);
  await eventually(async () => await outboxRows(database) === 0, () => "it is not done");
  assert.equal(server.printed().length, 5);
});

Deno.test("a process killed under its events is told of them again by the next", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{
    source: `exports.onEvent = async (event) => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      console.log(event.properties.number)
    }`,
  }]);
  await using server = await startPluginServer(database, specs, {
    hosts: { logLinesPerSecond: 10_000 },
  });
  await feed(server.pipeline, numbered(teamId, 0, 60));
  await eventually(() => server.printed().length >= 10, () => server.logText());
  Deno.kill(server.hosts.hosts[0]?.pid as number, "SIGKILL");
  await eventually(() => new Set(server.printed()).size === 60, () => server.logText());
});

Deno.test("an event that always stops the plugin is found, given up and said; the others arrive", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{
    source: `exports.onEvent = (event) => {
      if (event.properties.number === 2) for (;;);
      console.log(event.properties.number)
    }`,
  }]);
  await using server = await startPluginServer(database, specs, {
    hosts: { taskTimeoutMs: 300 },
  });
  await feed(server.pipeline, numbered(teamId, 0, 4));
  await eventually(
    () => /an event was given up/.test(server.logText()) && new Set(server.printed()).size === 3,
    () => server.logText(),
    60_000,
  );
  assert.deepEqual(new Set(server.printed()), new Set(["0", "1", "3"]));
});

Deno.test("what a server that died had not delivered is delivered by another", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{ source: LISTENER }]);
  const first = await startPluginServer(database, specs, {
    ttlMs: 600,
    hosts: { logLinesPerSecond: 10_000 },
  });
  await feed(first.pipeline, numbered(teamId, 0, 20));
  await eventually(() => first.printed().length > 0, () => first.logText());
  await feed(first.pipeline, numbered(teamId, 20, 200));
  await first.die();
  await using second = await startPluginServer(database, specs, {
    ttlMs: 600,
    hosts: { logLinesPerSecond: 10_000 },
  });
  await feed(second.pipeline, numbered(teamId, 220, 10));
  await eventually(
    () => new Set([...first.printed(), ...second.printed()]).size === 230,
    () => `${new Set([...first.printed(), ...second.printed()]).size} of 230`,
  );
});

Deno.test("two servers share the plugins, and one that leaves is taken over at once", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [
    { source: LISTENER },
    { source: LISTENER },
  ]);
  const first = await startPluginServer(database, specs);
  await feed(first.pipeline, numbered(teamId, 0, 5));
  await eventually(() => first.deliverer.deliveries.length === 2, () => "not yet known");
  const second = await startPluginServer(database, specs);
  await eventually(
    () => first.deliverer.deliveries.length === 1 && second.deliverer.deliveries.length === 1,
    () => "the cursors are not shared",
  );
  await first[Symbol.asyncDispose]();
  await eventually(() => second.deliverer.deliveries.length === 2, () => "not taken over");
  await second[Symbol.asyncDispose]();
});

/** The plugins as a version that cannot be loaded, though one before it wanted stored events. */
function brokenVersion(specs: readonly PluginSpec[], version: string, methods: readonly string[]) {
  const files = new Map([["index.js", "throw new Error('broken')"]]);
  return specs.map((spec) => ({
    ...spec,
    version,
    code: { ...spec.code, files },
    capabilities: { methods, scheduled_tasks: [], jobs: [] },
  }));
}

Deno.test("while a version cannot be loaded, events wait for the next, if the one before wanted them", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{ source: LISTENER }]);
  // A server that never had the version before.
  await using server = await startPluginServer(
    database,
    brokenVersion(specs, "2", ["onEvent"]),
    { hosts: { logLinesPerSecond: 10_000 } },
  );
  await feed(server.pipeline, numbered(teamId, 0, 20));
  await eventually(() => /broken/.test(server.logText()), () => server.logText());
  assert.equal(server.hosts.targets.isWanted(teamId, "seen"), true);
  // One that never wanted any is not kept anything for.
  await server.apply(brokenVersion(specs, "3", ["processEvent"]));
  await eventually(
    () => server.hosts.targets.isWanted(teamId, "seen") === false,
    () => "it is still wanted",
  );
  await server.apply(brokenVersion(specs, "2", ["onEvent"]));
  await server.apply(specs.map((spec) => ({ ...spec, version: "4" })));
  await feed(server.pipeline, numbered(teamId, 40, 20));
  await eventually(
    () => new Set(server.printed()).has("event 59 seen"),
    () => server.logText(),
  );
});

Deno.test("events that came while the plugin was broken are told to the version that mends it", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{ source: LISTENER }]);
  await using server = await startPluginServer(
    database,
    brokenVersion(specs, "2", ["onEvent"]),
    { hosts: { logLinesPerSecond: 10_000 } },
  );
  await feed(server.pipeline, numbered(teamId, 0, 20));
  await eventually(() => /broken/.test(server.logText()), () => server.logText());
  await feed(server.pipeline, numbered(teamId, 20, 20));
  await server.apply(specs.map((spec) => ({ ...spec, version: "3" })));
  await eventually(() => new Set(server.printed()).size === 40, () => server.logText());
});

Deno.test("a version that cannot be loaded leaves stored events to the one before", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{ source: LISTENER }]);
  await using server = await startPluginServer(database, specs, {
    hosts: { logLinesPerSecond: 10_000 },
  });
  await feed(server.pipeline, numbered(teamId, 0, 20));
  await eventually(() => server.printed().length === 20, () => server.logText());
  await server.apply(brokenVersion(specs, "2", ["onEvent"]));
  await eventually(() => /broken/.test(server.logText()), () => server.logText());
  await feed(server.pipeline, numbered(teamId, 20, 20));
  await eventually(() => new Set(server.printed()).size === 40, () => server.logText());
});

Deno.test("a plugin that cannot even be read is told later; one that is disabled is not", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{ source: LISTENER }]);
  await using server = await startPluginServer(database, specs, {
    hosts: { logLinesPerSecond: 10_000 },
  });
  await feed(server.pipeline, numbered(teamId, 0, 5));
  await eventually(() => server.printed().length === 5, () => server.logText());
  // As the registry leaves out what cannot be turned into code.
  await server.apply([]);
  await feed(server.pipeline, numbered(teamId, 5, 5));
  await server.apply(specs.map((spec) => ({ ...spec, version: "2" })));
  await eventually(() => new Set(server.printed()).size === 10, () => server.logText());
  await database.query("UPDATE posthog_pluginconfig SET enabled = false");
  await server.apply([]);
  assert.equal(server.hosts.targets.isWanted(teamId, "seen"), false);
});

Deno.test("a plugin that is being replaced is told of every event, by one version or the other", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const specs = await installedSpecs(database, teamId, [{ source: LISTENER }]);
  await using server = await startPluginServer(database, specs, {
    hosts: { logLinesPerSecond: 10_000 },
  });
  const feeding = (async () => {
    for (let round = 0; round < 10; round++) {
      await feed(server.pipeline, numbered(teamId, round * 20, 20));
    }
  })();
  for (let version = 2; version < 5; version++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    await server.apply(specs.map((spec) => ({ ...spec, version: String(version) })));
  }
  await feeding;
  await eventually(() => new Set(server.printed()).size === 200, () => server.logText());
});
