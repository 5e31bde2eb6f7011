import assert from "node:assert/strict";
import { PaddockError } from "../../../src/errors.ts";
import { QueueSource } from "../../../src/sources/queue/queue_source.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import { INBOX_CHANNEL, PostgresInbox } from "../../../src/stores/postgres/inbox/inbox.ts";
import { PostgresPubSub } from "../../../src/stores/postgres/pubsub.ts";
import { createTestDatabase } from "../../services/database.ts";
import { rawEvent, testSourceConformance } from "../source_conformance.ts";

const LEASE_MS = 400;

testSourceConformance("queue", async () => {
  const test = await createTestDatabase();
  await migrate(test.database);
  const inbox = new PostgresInbox(test.database);
  const pubsub = new PostgresPubSub(test.database);
  return {
    leaseTtlMs: LEASE_MS,
    source: () =>
      new QueueSource(inbox, {
        subscribe: (onNews) => pubsub.subscribe(INBOX_CHANNEL, onNews),
      }, { leaseTtlMs: LEASE_MS }),
    append: (events) => inbox.append(events),
    async [Symbol.asyncDispose]() {
      await pubsub.close();
      await test[Symbol.asyncDispose]();
    },
  };
});

Deno.test("queue: rows whose take was never answered come again, however long the server lives", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const inbox = new PostgresInbox(test.database);
  await inbox.append([rawEvent(1), rawEvent(2)]);
  let answers = 0;
  const lossy = {
    take: async (...args: Parameters<PostgresInbox["take"]>) => {
      const rows = await inbox.take(...args);
      if (answers++ > 0) return rows;
      throw new PaddockError("PDK_DATABASE_UNAVAILABLE", "the answer was lost on its way");
    },
    remove: (owner: string, ids: readonly string[]) => inbox.remove(owner, ids),
    giveBack: (...args: Parameters<PostgresInbox["giveBack"]>) => inbox.giveBack(...args),
    renew: (...args: Parameters<PostgresInbox["renew"]>) => inbox.renew(...args),
    depth: () => inbox.depth(),
  };
  const source = new QueueSource(lossy, { subscribe: () => Promise.resolve(async () => {}) }, {
    leaseTtlMs: LEASE_MS,
  });
  await source.open();
  const limit = { items: 100, bytes: 1e6 };
  const never = AbortSignal.timeout(60_000);
  await assert.rejects(source.take(limit, never), /lost on its way/);
  const batch = await source.take(limit, never);
  assert.equal(batch?.items.length, 2);
  await batch?.ack();
  assert.equal(await source.depth(), 0);
  await source.close();
});
