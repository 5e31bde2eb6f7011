import assert from "node:assert/strict";
import type { RawEvent } from "../../src/events/types.ts";
import { GroupCommitInbox } from "../../src/sources/group_commit_inbox.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { PostgresInbox } from "../../src/stores/postgres/inbox/inbox.ts";
import { createTestDatabase } from "../services/database.ts";
import { rawEvent } from "./source_conformance.ts";

Deno.test("appends that arrive together share few statements, and each is durable when it says so", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const store = new PostgresInbox(test.database);
  let statements = 0;
  let woken = 0;
  const inbox = new GroupCommitInbox({
    append: async (events: readonly RawEvent[]) => {
      statements++;
      await store.append(events);
    },
  }, () => woken++);
  await Promise.all(Array.from({ length: 300 }, async (_, number) => {
    await inbox.append([rawEvent(number)]);
    // Not each, as they would queue for the few connections for as long as the machine likes.
    if (number % 50 === 0) assert.ok(await store.depth() > 0);
  }));
  assert.equal(await store.depth(), 300);
  assert.ok(statements <= 10, `${statements} statements`);
  assert.equal(woken, statements);
});

Deno.test("a failed append is told to those who were in it, and the next works", async () => {
  let fails = true;
  const kept: number[] = [];
  const inbox = new GroupCommitInbox({
    append: (events: readonly RawEvent[]) => {
      if (fails) return Promise.reject(new Error("away"));
      kept.push(events.length);
      return Promise.resolve();
    },
  }, () => {});
  await assert.rejects(inbox.append([rawEvent(1)]), /away/);
  fails = false;
  await inbox.append([rawEvent(2)]);
  assert.deepEqual(kept, [1]);
});
