/** The console's live tail, on the real notifications of Postgres. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Tails } from "../../src/console/tails.ts";
import { PostgresPubSub } from "../../src/stores/postgres/pubsub.ts";
import { EventTap, TAP_CHANNEL } from "../../src/telemetry/event_tap.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";

Deno.test("whoever watches gets each line once, with what plugins changed; nobody else pays", async () => {
  await using test = await createTestDatabase();
  const notifications = new PostgresPubSub(test.database);
  const tap = new EventTap(async (id, lines) => {
    for (const line of lines) await notifications.publish(`${TAP_CHANNEL}_${id}`, line);
  });
  await notifications.subscribe(TAP_CHANNEL, (payload) => tap.asked(payload));
  const tails = new Tails(notifications);
  try {
    assert.equal(tap.isOpen, false);
    const id = randomUUID();
    assert.deepEqual(await tails.lines(id, 1, 0), []);
    await eventually(() => tap.isOpen);
    const event = { uuid: "u", event: "seen", distinct_id: "ann", properties: { a: 1 } };
    tap.pass({ name: "received" }, 1, [event]);
    tap.pass({ name: "before P (1)", plugin: "P" }, 1, [event]);
    tap.pass({ name: "after P (1)", plugin: "P" }, 1, [{ ...event, properties: { a: 2 } }], [
      "changed",
    ]);
    tap.pass({ name: "received" }, 2, [event]);
    await eventually(async () => (await tails.lines(id, 1, 0)).length === 3);
    const lines = await tails.lines(id, 1, 0);
    assert.deepEqual(lines.map(({ number, point, changes }) => [number, point, changes]), [
      [1, "received", []],
      [2, "before P (1)", []],
      [3, "after P (1)", ["- properties.a: 1", "+ properties.a: 2"]],
    ]);
    assert.equal((await tails.lines(id, 1, 2)).length, 1, "what was handed on is not again");
    for (let watching = 1; watching < 20; watching++) await tails.lines(randomUUID(), 1, 0);
    await assert.rejects(tails.lines(randomUUID(), 1, 0), /20 watch already/);
  } finally {
    await tails.stop();
    tap.close();
    await notifications.close();
  }
});
