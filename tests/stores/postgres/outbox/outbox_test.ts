/** The outbox and its cursors on a real database: nothing is passed over, nothing kept for ever. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  decodeOutgoing,
  encodeOutgoing,
  type OutgoingEvent,
} from "../../../../src/events/outgoing_event.ts";
import type { Database } from "../../../../src/stores/postgres/database.ts";
import { DeliveryCursors } from "../../../../src/stores/postgres/outbox/delivery_cursors.ts";
import { PostgresOutbox } from "../../../../src/stores/postgres/outbox/outbox.ts";
import { ServerPresence } from "../../../../src/stores/postgres/servers.ts";
import { createTestDatabase } from "../../../services/database.ts";
import { prepareDatabase } from "../../../services/pipeline.ts";
import { installPlugin } from "../../../services/plugin_rows.ts";

const LIMIT = { rows: 100, bytes: 1e6 };

function event(number: number, teamId = 1): OutgoingEvent {
  return { teamId, name: "seen ü", text: new TextEncoder().encode(`{"number":${number},"ö":1}`) };
}

function numbersOf(rows: readonly { readonly events: readonly OutgoingEvent[] }[]): number[] {
  return rows.flatMap(({ events }) =>
    events.map(({ text }) => JSON.parse(new TextDecoder().decode(text)).number)
  );
}

async function append(database: Database, events: readonly OutgoingEvent[]): Promise<void> {
  await database.transaction((tx) => new PostgresOutbox(database).append(tx, events));
}

Deno.test("events survive the way into bytes and back; what is cut short is refused", () => {
  const events = [event(1), event(2, 2_000_000_000), { ...event(3), name: "" }];
  const bytes = encodeOutgoing(events);
  assert.deepEqual(
    decodeOutgoing(bytes).map((
      { teamId, name, text },
    ) => [teamId, name, new TextDecoder().decode(text)]),
    events.map(({ teamId, name, text }) => [teamId, name, new TextDecoder().decode(text)]),
  );
  assert.throws(() => decodeOutgoing(bytes.subarray(0, bytes.byteLength - 1)), RangeError);
  assert.deepEqual(decodeOutgoing(encodeOutgoing([])), []);
});

Deno.test("a row that is committed late is not passed over by one that was committed before it", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  await prepareDatabase(database);
  const outbox = new PostgresOutbox(database);
  const [appended, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = database.transaction(async (tx) => {
    await new PostgresOutbox(database).append(tx, [event(1)]);
    appended.resolve();
    await mayCommit.promise;
  });
  await appended.promise;
  await append(database, [event(2)]);
  // The second is there for everybody to see, the first may yet come.
  for (let look = 0; look < 5; look++) {
    const settled = await outbox.settled();
    const { rows } = await outbox.read(0n, settled, [1], LIMIT);
    assert.deepEqual(numbersOf(rows), []);
  }
  mayCommit.resolve();
  await slow;
  await append(database, [event(3)]);
  await outbox.settled();
  const { rows, isComplete } = await outbox.read(0n, await outbox.settled(), [1], LIMIT);
  assert.deepEqual(numbersOf(rows), [1, 2, 3]);
  assert.equal(isComplete, true);
});

Deno.test("an unrelated transaction that is open for long holds nothing up", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  await prepareDatabase(database);
  const outbox = new PostgresOutbox(database);
  await database.transaction(async (tx) => {
    await tx.query("INSERT INTO paddock.lease VALUES ('x', 'y', now())");
    await append(database, [event(1)]);
    assert.ok(await outbox.settled() > 0n);
  });
});

Deno.test("a transaction that is rolled back leaves nothing and holds nothing up", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  await prepareDatabase(database);
  const outbox = new PostgresOutbox(database);
  await assert.rejects(database.transaction(async (tx) => {
    await outbox.append(tx, [event(1)]);
    throw new Error("no");
  }));
  await append(database, [event(2)]);
  const { rows } = await outbox.read(0n, await outbox.settled(), [1], LIMIT);
  assert.deepEqual(numbersOf(rows), [2]);
});

Deno.test("a read brings the asked teams' events, as much as it may, and says if there is more", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  await prepareDatabase(database);
  const outbox = new PostgresOutbox(database);
  for (let number = 0; number < 5; number++) {
    await append(database, [event(number), event(100 + number, 2)]);
  }
  const settled = await outbox.settled();
  const some = await outbox.read(0n, settled, [2], { rows: 2, bytes: 1e6 });
  assert.deepEqual([numbersOf(some.rows), some.isComplete], [[100, 101], false]);
  const one = await outbox.read(0n, settled, [2], { rows: 100, bytes: 1 });
  assert.deepEqual([numbersOf(one.rows), one.isComplete], [[100], false]);
  const rest = await outbox.read(some.rows.at(-1)?.id ?? 0n, settled, [2], LIMIT);
  assert.deepEqual([numbersOf(rest.rows), rest.isComplete], [[102, 103, 104], true]);
  assert.deepEqual((await outbox.read(0n, settled, [3], LIMIT)).rows, []);
});

Deno.test("rows go when every cursor of their teams has passed, or when they are too old", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const configId = await installPlugin(database, { name: "P", source: "", teamId });
  const presence = new ServerPresence(database, { id: randomUUID(), ttlMs: 60_000 });
  await presence.start();
  const cursors = new DeliveryCursors(database, presence.id);
  await cursors.ensure([{ configId, teamId, kind: "export" }], [configId]);
  const outbox = new PostgresOutbox(database);
  await append(database, [event(1, teamId)]);
  await append(database, [event(2, teamId)]);
  await append(database, [event(3, teamId + 1)]);
  const settled = await outbox.settled();
  assert.equal(await outbox.prune(settled, false), 0, "a cursor is behind all of them");
  assert.equal(await outbox.prune(settled, true), 1, "nobody wants the other team's");
  const [cursor] = await cursors.claim([configId]);
  assert.equal(cursor?.position, 0n);
  const { rows } = await outbox.read(0n, settled, [teamId], LIMIT);
  const position = rows[0]?.id as bigint;
  assert.deepEqual(await cursors.advance([{ configId, kind: "export", position }]), []);
  assert.equal(await outbox.prune(settled, false), 1);
  assert.equal((await outbox.expire(1)).size, 0);
  await database.query("UPDATE paddock.outbox SET created_at = now() - interval '2 hours'");
  assert.deepEqual(await outbox.expire(1), new Map([[teamId, 1]]));
  await presence.stop();
});

Deno.test("a cursor is one server's; a server that lost it cannot move it", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const configId = await installPlugin(database, { name: "P", source: "", teamId });
  const owner = { configId, kind: "hooks" } as const;
  const servers = [randomUUID(), randomUUID()].map((id) => ({
    presence: new ServerPresence(database, { id, ttlMs: 60_000 }),
    cursors: new DeliveryCursors(database, id),
  }));
  for (const { presence } of servers) await presence.start();
  const [first, second] = servers as [typeof servers[0], typeof servers[0]];
  await first.cursors.ensure([{ ...owner, teamId }], [configId]);
  await second.cursors.ensure([{ ...owner, teamId }], [configId]);
  assert.deepEqual(await second.cursors.free(), [configId]);
  assert.equal((await first.cursors.claim([configId])).length, 1);
  assert.deepEqual(await second.cursors.free(), []);
  assert.deepEqual(await second.cursors.claim([configId]), []);
  await first.cursors.advance([{ ...owner, position: 7n }]);
  // The first is silent for too long.
  await database.query(
    "UPDATE paddock.server SET expires_at = now() - interval '1 s' WHERE id = $1",
    [
      first.presence.id,
    ],
  );
  assert.deepEqual(await second.cursors.free(), [configId]);
  const [taken] = await second.cursors.claim([configId]);
  assert.equal(taken?.position, 7n);
  assert.deepEqual(
    (await first.cursors.advance([{ ...owner, position: 9n }])).map(({ kind }) => kind),
    ["hooks"],
  );
  // A cursor of a config that is not enabled any more goes.
  await database.query("UPDATE posthog_pluginconfig SET enabled = false");
  await second.cursors.ensure([], []);
  assert.equal((await database.query("SELECT FROM paddock.delivery_cursor")).length, 0);
  for (const { presence } of servers) await presence.stop();
});
