/**
 * Hostile events through the real server, by every way in: it goes on, each of them is stored or a
 * dead letter with a reason, and the good ones between them are all stored.
 * `FUZZ_SEED` repeats a run; `FUZZ_EVENTS=100000` is its full size.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { isObject } from "../../src/events/person_properties.ts";
import { celeryEventItem } from "../../src/sources/celery/producer.ts";
import { parseRecord } from "../../src/sources/kafka/message.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { createFirstProject, type Project } from "../../src/stores/postgres/first_project.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { createPipeline, feed } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { randomFrom, type SeededRandom } from "../services/random.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { type ServerProcess, startServerProcess } from "../services/server_process.ts";
import { brokenText, hostileEvent } from "./hostile_events.ts";
import { rawEvent } from "../services/raw_event.ts";

const SEED = Number(Deno.env.get("FUZZ_SEED") ?? Math.floor(Math.random() * 2 ** 31));
const EVENTS = Number(Deno.env.get("FUZZ_EVENTS") ?? 3_000);
/** One good event among so many. */
const GOOD_EVERY = 10;
const HTTP_CLIENTS = 16;
const CHUNK = 500;

const TOUCHER = `exports.processEvent = (event) => {
  event.properties.touched = String(event.distinct_id).length
  return event
}`;

interface Fuzz {
  readonly database: Database;
  readonly project: Project;
  readonly random: SeededRandom;
}

/** The tables of one server, and what is left of them in the end. */
async function fuzz(
  run: (fuzz: Fuzz & { readonly url: string }) => Promise<{ wanted: number; good: number }>,
): Promise<void> {
  await using test = await createTestDatabase();
  const { database } = test;
  await migrate(database);
  const project = await createFirstProject(database);
  assert.ok(project !== null);
  await installPlugin(database, {
    name: "Toucher",
    source: TOUCHER,
    teamId: project.teamId,
  });
  try {
    const random = randomFrom(SEED);
    const { wanted, good } = await run({ database, project, random, url: test.url });
    const [counts] = await database.query<{ stored: number; letters: number; bare: number }>(
      `SELECT (SELECT count(*)::int FROM posthog_event)
         + (SELECT count(*)::int FROM posthog_sessionrecordingevent) AS stored,
         (SELECT count(*)::int FROM paddock.dead_letter) AS letters,
         (SELECT count(*)::int FROM paddock.dead_letter WHERE length(reason) < 5) AS bare`,
    );
    assert.equal((counts?.stored ?? 0) + (counts?.letters ?? 0), wanted, JSON.stringify(counts));
    assert.equal(counts?.bare, 0, "every dead letter says why");
    const rows = await database.query<{ number: number }>(
      `SELECT (properties->>'number')::int AS number FROM posthog_event
       WHERE event = 'good' AND properties->>'good' = 'yes' ORDER BY 1`,
    );
    assert.deepEqual(rows.map(({ number }) => number), [...Array(good).keys()]);
    const others = await database.query(
      "SELECT FROM posthog_event WHERE team_id <> $1 LIMIT 1",
      [project.teamId],
    );
    assert.equal(others.length, 0, "nothing was stored for another team");
    const share = `${counts?.stored} stored, ${counts?.letters} dead letters`;
    // Past the test runner, which shows no output of tests that pass.
    Deno.stderr.writeSync(
      new TextEncoder().encode(`${EVENTS} hostile events, ${good} good ones: ${share}\n`),
    );
  } catch (error) {
    throw new Error(`with FUZZ_SEED=${SEED} FUZZ_EVENTS=${EVENTS}: ${error}`, { cause: error });
  }
}

async function settled(database: Database, wanted: number): Promise<void> {
  await eventually(async () => {
    const [row] = await database.query<{ count: number }>(
      `SELECT (SELECT count(*)::int FROM posthog_event)
         + (SELECT count(*)::int FROM posthog_sessionrecordingevent)
         + (SELECT count(*)::int FROM paddock.dead_letter) AS count`,
    );
    return (row?.count ?? 0) >= wanted;
  }, 60_000 + EVENTS * 5).catch(() => {});
}

/** It lived through it, and says so. */
async function stopWell(server: ServerProcess): Promise<void> {
  const health = await fetch(`${server.address}/_ready`);
  assert.equal(health.status, 200, await health.text());
  assert.equal(await server.stop(), 0, server.output().slice(-3_000));
  assert.doesNotMatch(server.output(), /"level":"(?:error|fatal)"/);
}

function goodData(number: number) {
  return { event: "good", properties: { good: "yes", number } };
}

Deno.test("hostile events in Redis", async () => {
  await using queue = await createTestQueue();
  await fuzz(async ({ database, project, random, url }) => {
    const server = await startServerProcess({
      DATABASE_URL: url,
      REDIS_URL: queue.url,
      PLUGINS_CELERY_QUEUE: queue.queue,
      BASE_DIR: await Deno.makeTempDir(),
    });
    let [wanted, good] = [0, 0];
    for (let sent = 0; sent < EVENTS;) {
      const items: string[] = [];
      for (; items.length < CHUNK && sent < EVENTS; sent++) {
        items.push(hostileItem(random, project.teamId));
        if (sent % GOOD_EVERY !== 0) continue;
        items.push(
          celeryEventItem(
            queue.queue,
            rawEvent(project.teamId, `good ${good % 20}`, goodData(good++)),
          ),
        );
      }
      wanted += items.length;
      await queue.redis.lpush(queue.queue, ...items);
      // No more of it than a test machine holds.
      await eventually(async () => await queue.redis.llen(queue.queue) < 4 * CHUNK, 60_000);
    }
    await settled(database, wanted);
    await stopWell(server);
    return { wanted, good };
  });
});

/** A Celery message with a hostile event in it, or one that is hostile itself. */
function hostileItem(random: SeededRandom, teamId: number): string {
  // Its first characters are its own, so that no two of them are one message.
  if (random.below(20) === 0) return `${randomUUID()} ${brokenText(random)}`;
  const team = random.below(30) === 0
    ? random.pick(["-1", "0", "1e400", "2147483648", "1.5", '"1"', "null", "[1]", "99"])
    : String(teamId);
  const data = random.below(20) === 0 ? brokenText(random) : hostileEvent(random);
  const args = `["visitor ${random.below(50)}",null,null,${data},${team},` +
    `${JSON.stringify(new Date().toISOString())},null]`;
  const body = Buffer.from(`[${args},{},{}]`).toString("base64");
  const id = randomUUID();
  return JSON.stringify({
    body: random.below(50) === 0 ? body.slice(0, random.below(body.length)) : body,
    "content-encoding": random.below(100) === 0 ? "utf-16" : "utf-8",
    "content-type": "application/json",
    headers: { task: "posthog.tasks.process_event.process_event_with_plugins", id },
    properties: { body_encoding: "base64" },
    // A message that is broken in the very same way twice is still two.
    serial: id,
  });
}

Deno.test("hostile events by HTTP", async () => {
  await fuzz(async ({ database, project, random, url }) => {
    const server = await startServerProcess({
      DATABASE_URL: url,
      REDIS_URL: "none",
      BASE_DIR: await Deno.makeTempDir(),
    });
    let [wanted, good, sent] = [0, 0, 0];
    const strange = new Set<number>();
    const post = async (body: string) => {
      const response = await fetch(`${server.address}/e/`, { method: "POST", body });
      await response.body?.cancel();
      if (![200, 400, 401, 413].includes(response.status)) strange.add(response.status);
      return response.status === 200;
    };
    const clients = Array.from({ length: HTTP_CLIENTS }, async () => {
      while (sent < EVENTS) {
        if (sent++ % GOOD_EVERY === 0) {
          const event = { ...goodData(good++), distinct_id: "good", api_key: project.apiToken };
          assert.ok(await post(JSON.stringify(event)), "a good event was refused");
          wanted++;
        }
        const body = hostileBody(random, project.apiToken);
        if (await post(body)) wanted += keptEvents(body);
      }
    });
    await Promise.all(clients);
    assert.deepEqual([...strange], [], "answers that are neither yes nor the sender's fault");
    await settled(database, wanted);
    await stopWell(server);
    return { wanted, good };
  });
});

function hostileBody(random: SeededRandom, token: string): string {
  const key = `"api_key":${JSON.stringify(random.below(50) === 0 ? "phc_wrong" : token)}`;
  if (random.below(20) === 0) return `{${key},"event":${brokenText(random)}}`;
  const event = hostileEvent(random);
  return event === "{}" ? `{${key}}` : `{${key},${event.slice(1)}`;
}

/** How many events of an accepted body are to be kept: those without a name or an id never were. */
function keptEvents(body: string): number {
  // Python writes NaN, so that it is taken for null.
  const payload: unknown = JSON.parse(body.replace('"event":NaN', '"event":null'));
  assert.ok(isObject(payload));
  const properties = isObject(payload.properties) ? payload.properties : {};
  const id = [payload.$distinct_id, properties.distinct_id, payload.distinct_id]
    .find((candidate) => candidate !== undefined);
  return payload.event && id ? 1 : 0;
}

Deno.test("hostile events in Kafka's topic", async () => {
  await fuzz(async ({ database, project, random }) => {
    const pipeline = createPipeline(database);
    let [wanted, good] = [0, 0];
    for (let offset = 0; offset < EVENTS;) {
      const items: ReturnType<typeof parseRecord>[] = [];
      for (; items.length < CHUNK && offset < EVENTS; offset++) {
        items.push(
          recordOf(
            random.below(20) === 0
              ? brokenText(random)
              : message(project.teamId, hostileEvent(random)),
            offset,
          ),
        );
        if (offset % GOOD_EVERY !== 0) continue;
        const data = JSON.stringify(goodData(good++));
        items.push(recordOf(message(project.teamId, data), EVENTS + offset));
      }
      wanted += items.length;
      await feed(pipeline, items);
    }
    await pipeline.drain(5_000, new AbortController().signal);
    return { wanted, good };
  });
});

function message(teamId: number, data: string): string {
  return JSON.stringify({
    uuid: randomUUID(),
    distinct_id: "somebody",
    ip: "",
    site_url: "",
    data,
    team_id: teamId,
    now: new Date().toISOString(),
    sent_at: "",
  });
}

function recordOf(text: string, offset: number) {
  const value = Buffer.from(text);
  return parseRecord("events", { partition: 0, offset: BigInt(offset), key: null, value });
}
