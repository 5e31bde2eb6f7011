import assert from "node:assert/strict";
import { replayDeadLetters } from "../../src/dead_letters/replay.ts";
import type { DeadLetter } from "../../src/events/dead_letter.ts";
import type { RawEvent } from "../../src/events/types.ts";
import { uuidFromText } from "../../src/events/uuid.ts";
import { celeryEventItem } from "../../src/sources/celery/producer.ts";
import { parseMessage } from "../../src/sources/celery/message.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { DeadLetters } from "../../src/stores/postgres/dead_letters.ts";
import { createProject } from "../../src/stores/postgres/first_project.ts";
import { PostgresInbox } from "../../src/stores/postgres/inbox/inbox.ts";
import { createTestDatabase } from "../services/database.ts";
import { createPipeline, feed, item, prepareDatabase } from "../services/pipeline.ts";
import { createTestCommands } from "../cli/command_run.ts";

const letters = new DeadLetters();

function rawEvent(teamId: number, number: number): RawEvent {
  return {
    teamId,
    distinctId: `visitor ${number % 7}`,
    ip: null,
    siteUrl: null,
    now: "2021-10-28T12:00:00.000Z",
    sentAt: null,
    data: { event: "replayed", properties: { number } },
    uuid: uuidFromText(`event ${number}`),
  };
}

function letterOf(event: RawEvent, over: Partial<DeadLetter> = {}): DeadLetter {
  return {
    kind: "event",
    source: "test",
    teamId: event.teamId,
    eventUuid: event.uuid,
    event: "replayed",
    distinctId: String(event.distinctId),
    step: "decode",
    pluginConfigId: null,
    code: "PDK_TEAM_UNKNOWN",
    reason: "there is no team",
    attempts: 1,
    payload: JSON.stringify(event),
    ...over,
  };
}

/** Takes everything out of the inbox and sends it through the real pipeline. */
async function processInbox(database: Database): Promise<number> {
  const inbox = new PostgresInbox(database);
  const pipeline = createPipeline(database);
  let count = 0;
  while (true) {
    const rows = await inbox.take("test", { items: 500, bytes: 1e7 }, 60_000);
    if (rows.length === 0) break;
    const events = rows.flatMap((row) => row.events);
    count += events.length;
    await feed(pipeline, events.map((event) => ({ kind: "event" as const, event, bytes: 100 })));
    await inbox.remove("test", rows.map(({ id }) => id));
  }
  await pipeline.drain(5_000, new AbortController().signal);
  return count;
}

async function storedNumbers(database: Database): Promise<number[]> {
  const rows = await database.query<{ number: number }>(
    "SELECT (properties->>'number')::int AS number FROM posthog_event ORDER BY 1",
  );
  return rows.map(({ number }) => number);
}

Deno.test("what failed is stored once it can be, with the time it had, and only once", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const team = await prepareDatabase(database);
  const pipeline = createPipeline(database);
  const unknown = team + 1;
  await feed(pipeline, [
    item(unknown, { event: "replayed", properties: { number: 1 } }, { uuid: uuidFromText("1") }),
    item(unknown, { event: "replayed", properties: { number: 2 } }, { uuid: uuidFromText("2") }),
    item(team, { event: "never", distinct_id: "", properties: {} }),
    parseMessage("no celery message"),
  ]);
  await pipeline.drain(5_000, new AbortController().signal);
  const listed = await letters.list(database, {}, { limit: 10 });
  assert.equal(listed.length, 4);

  const [{ id: organizationId } = { id: "" }] = await database.query<{ id: string }>(
    "SELECT id FROM posthog_organization",
  );
  const { teamId } = await createProject(database, organizationId, "Second");
  assert.equal(teamId, unknown);
  const parts = { database, letters, jobs: null };
  const report = await replayDeadLetters(parts, {});
  assert.deepEqual([report.total, report.replayed, report.refused], [4, 3, 1]);
  assert.match(report.reasons[0]?.reason ?? "", /the message is not JSON/);
  assert.equal(await processInbox(database), 3);
  assert.deepEqual(await storedNumbers(database), [1, 2]);
  const [row] = await database.query<{ timestamp: Date }>(`SELECT "timestamp" FROM posthog_event`);
  assert.equal(row?.timestamp.toISOString(), "2021-10-28T12:00:00.000Z");

  // The one that is bad in itself is a letter again, and says how often it was tried.
  const left = await letters.list(database, {}, { limit: 10 });
  assert.deepEqual(left.map(({ step, attempts }) => [step, attempts]), [
    ["decode", 2],
    ["receive", 1],
  ]);
  // Letters of events that were stored meanwhile, however they came about, store nothing more.
  await letters.append(database, [
    letterOf({ ...rawEvent(unknown, 1), uuid: uuidFromText("1") }),
    letterOf({ ...rawEvent(unknown, 2), uuid: uuidFromText("2") }),
  ]);
  assert.equal((await replayDeadLetters(parts, { teamId: unknown })).replayed, 2);
  assert.equal(await processInbox(database), 2);
  assert.deepEqual(await storedNumbers(database), [1, 2]);
});

Deno.test("a replay that is broken off goes on; two at once replay each letter once", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const team = await prepareDatabase(database);
  const count = 1_200;
  await letters.append(
    database,
    Array.from({ length: count }, (_, number) => letterOf(rawEvent(team, number))),
  );
  const parts = { database, letters, jobs: null };
  const stop = new AbortController();
  const first = await replayDeadLetters(parts, {}, {
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  assert.deepEqual([first.total, first.replayed], [count, 500]);
  assert.equal((await letters.count(database, {})).count, count - 500);
  // A step that cannot be committed has not been done at all.
  await database.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END $$;
     CREATE TRIGGER refuse BEFORE DELETE ON paddock.dead_letter EXECUTE FUNCTION refuse()`,
  );
  await assert.rejects(replayDeadLetters(parts, {}), /the disk is full/);
  await database.query("DROP TRIGGER refuse ON paddock.dead_letter");
  assert.equal((await letters.count(database, {})).count, count - 500);

  const both = await Promise.all([replayDeadLetters(parts, {}), replayDeadLetters(parts, {})]);
  assert.equal(both[0].replayed + both[1].replayed, count - 500);
  assert.equal((await letters.count(database, {})).count, 0);
  assert.equal(await processInbox(database), count);
  assert.deepEqual(await storedNumbers(database), [...Array(count).keys()]);
});

Deno.test("dead-letters: filters, pages, replay and purge on the command line", async () => {
  await using test = await createTestCommands();
  const { database } = test;
  await test.succeed("teams");
  const written = letterOf(rawEvent(1, 9), { code: "PDK_ROW_REFUSED", step: "write" });
  await letters.append(database, [
    ...Array.from({ length: 5 }, (_, number) => letterOf(rawEvent(1, number))),
    letterOf(rawEvent(77, 5)),
    written,
    letterOf(rawEvent(1, 10), {
      kind: "message",
      step: "receive",
      code: "PDK_MESSAGE_MALFORMED",
      payload: celeryEventItem("q", rawEvent(1, 10)),
    }),
  ]);
  await database.query(
    "UPDATE paddock.dead_letter SET created_at = now() - interval '3 hours' WHERE id <= 2",
  );
  const ids = async (...argv: string[]) =>
    (JSON.parse(await test.succeed("dead-letters", "list", "--json", ...argv)) as { id: string }[])
      .map(({ id }) => Number(id));
  assert.deepEqual(await ids(), [8, 7, 6, 5, 4, 3, 2, 1]);
  assert.deepEqual(await ids("-n", "2", "--before", "4"), [3, 2]);
  assert.deepEqual(await ids("--team", "77"), [6]);
  assert.deepEqual(await ids("--step", "write"), [7]);
  assert.deepEqual(await ids("--code", "PDK_MESSAGE_MALFORMED"), [8]);
  assert.deepEqual(await ids("--until", "2h"), [2, 1]);
  assert.deepEqual(await ids("--since", "120m", "--distinct-id", "visitor 4"), [5]);
  for (
    const argv of [
      ["list", "--since", "yesterday"],
      ["list", "--plugin", "None"],
      ["list", "--before", "x"],
      ["replay"],
      ["replay", "--all", "--team", "1"],
      ["replay", "1; DROP TABLE"],
      ["purge"],
    ]
  ) {
    assert.equal((await test.run("dead-letters", ...argv)).code, 2, argv.join(" "));
  }
  assert.equal(await test.succeed("dead-letters", "purge", "1"), "1 dead letter deleted.");
  const { code, out, err } = await test.run("dead-letters", "replay", "--all");
  assert.deepEqual([code, out], [0, "7 dead letters put back to be processed."], err);
  assert.match(err, /^100 %, 7 of 7 dead letters$/m);
  assert.equal(await test.succeed("dead-letters"), "There are no dead letters.");
  // The message that this version understands has become the event it is.
  assert.equal(await processInbox(database), 7);
  assert.deepEqual(await storedNumbers(database), [1, 2, 3, 4, 9, 10]);

  await letters.append(database, [
    letterOf(rawEvent(1, 11), { kind: "message", step: "receive", payload: "nonsense" }),
    letterOf(rawEvent(1, 12), { kind: "job", payload: `{"payload":{}}` }),
  ]);
  const refused = await test.run("dead-letters", "replay", "--team", "1");
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^10 stays: the message is not JSON/m);
  assert.match(refused.err, /^11 stays: there is no job queue \(JOB_QUEUES\)$/m);
  assert.match(refused.err, /2 dead letters cannot be replayed/);
});
