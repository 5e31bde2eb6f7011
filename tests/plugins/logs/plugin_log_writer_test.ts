import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { PaddockError } from "../../../src/errors.ts";
import { PluginLogWriter } from "../../../src/plugins/logs/plugin_log_writer.ts";
import type { PluginLogEntry } from "../../../src/plugins/types.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import type { Database, Queryable } from "../../../src/stores/postgres/database.ts";
import { createFirstProject } from "../../../src/stores/postgres/first_project.ts";
import { createTestDatabase } from "../../services/database.ts";
import { installPlugin } from "../../services/plugin_rows.ts";

const INSTANCE = randomUUID();

/** The database, whose queries can be made to fail and to wait. */
class Unsteady implements Queryable {
  fails = false;
  /** A line's time, by which it is known in whichever form it is sent. */
  refuses: string | null = null;
  gate: Promise<void> = Promise.resolve();
  queries = 0;
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async query<Row>(...parameters: Parameters<Queryable["query"]>): Promise<Row[]> {
    this.queries++;
    await this.gate;
    if (this.fails) throw new PaddockError("PDK_DATABASE_UNAVAILABLE", "the database is away");
    if (this.refuses !== null && JSON.stringify(parameters).includes(this.refuses)) {
      throw new Error("this row is refused");
    }
    return await this.#database.query(...parameters);
  }
}

async function writerOn() {
  const test = await createTestDatabase();
  const { database } = test;
  await migrate(database);
  const teamId = (await createFirstProject(database))?.teamId as number;
  const configId = await installPlugin(database, { name: "P", source: "", teamId });
  const [plugin] = await database.query<{ id: number }>("SELECT id FROM posthog_plugin");
  const unsteady = new Unsteady(database);
  const writer = new PluginLogWriter(unsteady, INSTANCE);
  const entry = (message: string, changes: Partial<PluginLogEntry> = {}): PluginLogEntry => ({
    teamId,
    pluginId: plugin?.id as number,
    pluginConfigId: configId,
    source: "CONSOLE",
    type: "LOG",
    message,
    ...changes,
  });
  const messages = async () => {
    const rows = await database.query<{ message: string }>(
      `SELECT message FROM posthog_pluginlogentry ORDER BY "timestamp", id`,
    );
    return rows.map(({ message }) => message);
  };
  return {
    database,
    unsteady,
    writer,
    entry,
    messages,
    async [Symbol.asyncDispose]() {
      await writer.close();
      await test[Symbol.asyncDispose]();
    },
  };
}

Deno.test("lines are written together, in their order, with ids that sort by it", async () => {
  await using test = await writerOn();
  const { writer, entry, database, unsteady } = test;
  const lines = Array.from({ length: 300 }, (_, index) => `line ${index}`);
  for (const line of lines) writer.write(entry(line));
  await writer.flush();
  const rows = await database.query<Record<string, unknown>>(
    "SELECT * FROM posthog_pluginlogentry ORDER BY id",
  );
  assert.deepEqual(rows.map(({ message }) => message), lines);
  assert.equal(unsteady.queries, 1);
  const { source, type, instance_id, timestamp } = rows[0] as Record<string, unknown>;
  assert.deepEqual([source, type, instance_id], ["CONSOLE", "LOG", INSTANCE]);
  assert.ok(Math.abs((timestamp as Date).getTime() - Date.now()) < 60_000);
});

Deno.test("nothing is lost or doubled while the database is away", async () => {
  await using test = await writerOn();
  const { writer, entry, unsteady, messages } = test;
  unsteady.fails = true;
  writer.write(entry("first"));
  await writer.flush();
  writer.write(entry("second"));
  await writer.flush();
  unsteady.fails = false;
  writer.write(entry("third"));
  await writer.flush();
  await writer.flush();
  assert.deepEqual(await messages(), ["first", "second", "third"]);
});

Deno.test("lines written during a flush wait for the next, and only one runs at a time", async () => {
  await using test = await writerOn();
  const { writer, entry, unsteady, messages } = test;
  const gate = Promise.withResolvers<void>();
  unsteady.gate = gate.promise;
  writer.write(entry("first"));
  const flushes = [writer.flush(), writer.flush()];
  writer.write(entry("second"));
  flushes.push(writer.flush());
  assert.equal(unsteady.queries, 1);
  gate.resolve();
  await Promise.all(flushes);
  assert.deepEqual(await messages(), ["first"]);
  await writer.close();
  assert.deepEqual(await messages(), ["first", "second"]);
});

Deno.test("what Postgres would refuse, and what belongs to nobody, costs no other line", async () => {
  await using test = await writerOn();
  const { writer, entry, messages } = test;
  writer.write(entry("of a config that is gone", { pluginConfigId: 99_999 }));
  writer.write(entry("a\u0000b\ud800"));
  writer.write(entry("x".repeat(50_000)));
  await writer.flush();
  const written = await messages();
  assert.equal(written.length, 2);
  assert.equal(written[0], "a\ufffdb\ufffd");
  assert.equal(written[1]?.length, 10_000);
  assert.match(written[1] ?? "", /x… \(cut\)$/);
});

Deno.test("who waits until what was said is durable is told once, of failures too", async () => {
  await using test = await writerOn();
  const { writer, entry, unsteady, messages } = test;
  await writer.settled();
  assert.equal(unsteady.queries, 0, "nothing was said");
  const gate = Promise.withResolvers<void>();
  unsteady.gate = gate.promise;
  writer.write(entry("first"));
  const waiting = [writer.settled()];
  writer.write(entry("second"));
  waiting.push(writer.settled(), writer.settled());
  gate.resolve();
  await waiting[0];
  assert.ok((await messages()).includes("first"));
  await Promise.all(waiting);
  assert.deepEqual(await messages(), ["first", "second"]);
  assert.equal(unsteady.queries, 2, "those who wait share a statement");
  unsteady.fails = true;
  writer.write(entry("third"));
  await assert.rejects(writer.settled(), /the database is away/);
  unsteady.fails = false;
  await writer.settled();
  assert.deepEqual(await messages(), ["first", "second", "third"]);
});

Deno.test("a line that Postgres refuses is dropped alone, and nobody waits for it", async () => {
  await using test = await writerOn();
  const { writer, entry, unsteady, messages } = test;
  unsteady.refuses = "4242424242";
  for (let index = 0; index < 20; index++) {
    writer.write(entry(`line ${index}`, index === 7 ? { pluginId: 4242424242 } : {}));
  }
  await writer.settled();
  assert.deepEqual(
    await messages(),
    [...Array(20).keys()].filter((index) => index !== 7).map((index) => `line ${index}`),
  );
});

Deno.test("what is full has those wait who can, drops nothing of what they say, and bounds the rest", async () => {
  await using test = await writerOn();
  const { writer, entry, unsteady, database } = test;
  const count = async () => {
    const [row] = await database.query<{ count: string }>(
      "SELECT count(*) FROM posthog_pluginlogentry",
    );
    return Number(row?.count);
  };
  unsteady.fails = true;
  assert.equal(writer.room(), null);
  for (let index = 0; index < 12_000; index++) writer.write(entry("short"));
  await writer.flush();
  let hasRoom = false;
  const room = writer.room();
  assert.ok(room !== null);
  room.then(() => hasRoom = true);
  await writer.flush();
  assert.equal(hasRoom, false);
  unsteady.fails = false;
  await writer.settled();
  await room;
  assert.equal(writer.room(), null);
  assert.equal(await count(), 12_000);
  // Of those who do not wait, there is an end to what is kept.
  unsteady.fails = true;
  for (let index = 0; index < 50_000; index++) writer.write(entry("short"));
  await writer.flush();
  unsteady.fails = false;
  await writer.settled();
  assert.equal(await count(), 52_000);
  for (let index = 0; index < 10_000; index++) writer.write(entry("x".repeat(10_000)));
  await writer.settled();
  assert.equal(await count(), 52_000 + Math.floor(64 * 1024 * 1024 / 10_000));
  writer.write(entry("there is room again"));
  await writer.settled();
  assert.equal(await count(), 52_001 + Math.floor(64 * 1024 * 1024 / 10_000));
});
