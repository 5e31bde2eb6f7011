import { QueueSource } from "../../../src/sources/queue/queue_source.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import { INBOX_CHANNEL, PostgresInbox } from "../../../src/stores/postgres/inbox/inbox.ts";
import { PostgresPubSub } from "../../../src/stores/postgres/pubsub.ts";
import { createTestDatabase } from "../../services/database.ts";
import { testSourceConformance } from "../source_conformance.ts";

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
