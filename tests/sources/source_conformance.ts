/** What every source has to do, whatever it reads from. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { RawEvent } from "../../src/events/types.ts";
import type { ReceivedBatch, Source } from "../../src/sources/source.ts";

/** One store with events in it, and as many sources on it as a test wants. */
export interface SourceFixture extends AsyncDisposable {
  /** How long a lease lives without its holder; short, since tests wait for it. */
  readonly leaseTtlMs: number;
  /**
   * Whether servers hold parts of the store rather than messages: what is not finished comes again
   * with all that lies behind it, and a part may move while it is held.
   */
  readonly isPartitioned?: true;
  /** Makes a source that is not open yet. */
  source(): Source;
  append(events: readonly RawEvent[]): Promise<void>;
}

const WIDE = { items: 10_000, bytes: 100_000_000 };
/** Long after anything that comes has come. */
const never = () => AbortSignal.timeout(60_000);

export function rawEvent(number: number, extra: Record<string, unknown> = {}): RawEvent {
  return {
    teamId: 1,
    distinctId: `visitor ${number}`,
    ip: null,
    siteUrl: null,
    now: "2021-10-28T12:00:00.000Z",
    sentAt: null,
    data: { event: `event ${number}`, properties: { number }, ...extra },
    uuid: `00000000-0000-0000-0000-${String(number).padStart(12, "0")}`,
  };
}

const rawEvents = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => rawEvent(first + index));

function numbers(batch: ReceivedBatch | null): number[] {
  assert.ok(batch !== null, "nothing was taken");
  return batch.items.map((item) => {
    assert.equal(item.kind, "event");
    const properties = item.kind === "event" ? item.event.data.properties : null;
    return (properties as { number: number }).number;
  });
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => from + index);

/** Takes batches until `count` events came, or until they do not. */
async function takeBatches(
  source: Source,
  count: number,
  limit = WIDE,
): Promise<ReceivedBatch[]> {
  const taken: ReceivedBatch[] = [];
  let left = count;
  for (let empty = 0; left > 0 && empty < 20;) {
    const items = Math.min(limit.items, left);
    const batch = await source.take({ ...limit, items }, AbortSignal.timeout(1_000));
    if (batch === null) {
      empty++;
      continue;
    }
    taken.push(batch);
    left -= batch.items.length;
  }
  return taken;
}

async function takeAll(source: Source, count: number): Promise<number[]> {
  return (await takeBatches(source, count)).flatMap(numbers);
}

/** @param open given how many servers are to share the store */
export function testSourceConformance(
  name: string,
  open: (servers: number) => Promise<SourceFixture>,
): void {
  const test = (what: string, run: (fixture: SourceFixture) => Promise<void>, servers = 1) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using fixture = await open(servers);
      await run(fixture);
    });

  test("brings events as they were put in, oldest first, and forgets what was acknowledged", async (fixture) => {
    const source = fixture.source();
    await source.open();
    await fixture.append([rawEvent(0, { uuid: "own", nested: { "nul\u0000": "🦔" } })]);
    await fixture.append(rawEvents(5, 1));
    assert.equal(await source.depth(), 6);
    const batches = await takeBatches(source, 6);
    assert.deepEqual(batches.flatMap(numbers), range(0, 6));
    const [first] = batches[0]?.items ?? [];
    assert.ok(first?.kind === "event");
    const { uuid: _, ...sent } = rawEvent(0, { uuid: "own", nested: { "nul\u0000": "🦔" } });
    const { uuid, ...received } = first.event;
    assert.deepEqual(received, sent);
    assert.match(uuid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(await source.depth(), 0);
    for (const batch of batches) await batch.ack();
    assert.equal(await source.take(WIDE, AbortSignal.timeout(50)), null);
    await source.close();
  });

  test("keeps to the limits, yet brings one that is larger", async (fixture) => {
    const source = fixture.source();
    await source.open();
    for (const event of rawEvents(10)) await fixture.append([event]);
    const four = numbers(await source.take({ items: 4, bytes: 1e9 }, never()));
    assert.ok(four.length <= 4);
    const one = numbers(await source.take({ items: 9, bytes: 1 }, never()));
    assert.equal(one.length, 1);
    const rest = await takeAll(source, 9 - four.length);
    assert.deepEqual([...four, ...one, ...rest], range(0, 10));
    await source.close();
  });

  test("waits for what comes later, and stops waiting when told", async (fixture) => {
    const source = fixture.source();
    await source.open();
    const later = source.take(WIDE, never());
    await sleep(100);
    await fixture.append([rawEvent(7)]);
    assert.deepEqual(numbers(await later), [7]);
    const stop = new AbortController();
    const stopped = source.take(WIDE, stop.signal);
    setTimeout(() => stop.abort(), 50);
    assert.equal(await stopped, null);
    await fixture.append([rawEvent(8)]);
    assert.deepEqual(numbers(await source.take(WIDE, never())), [8]);
    await source.close();
  });

  test("what a dead server held comes to another, oldest first and once", async (fixture) => {
    const dead = fixture.source();
    await dead.open();
    for (const event of rawEvents(3)) await fixture.append([event]);
    assert.deepEqual(await takeAll(dead, 2), [0, 1]);
    await dead.close();
    const heir = fixture.source();
    await heir.open();
    await sleep(fixture.leaseTtlMs + 200);
    const taken = await takeAll(heir, 3);
    assert.deepEqual(taken.toSorted(), [0, 1, 2]);
    assert.ok(taken.indexOf(0) < taken.indexOf(1));
    await heir.close();
  });

  test("a server that renews keeps what it holds, and its late ack harms nobody", async (fixture) => {
    const [holder, other] = [fixture.source(), fixture.source()];
    await holder.open();
    await fixture.append(rawEvents(2));
    const held = await takeBatches(holder, 2);
    await other.open();
    if (!fixture.isPartitioned) {
      await sleep(fixture.leaseTtlMs * 2);
      assert.equal(await other.take(WIDE, AbortSignal.timeout(300)), null);
    }
    // It stops answering, another takes over, then its acknowledgement arrives after all.
    await holder.close();
    await sleep(fixture.leaseTtlMs + 200);
    assert.deepEqual(await takeAll(other, 2), [0, 1]);
    await other.close();
    const late = fixture.source();
    await late.open();
    for (const batch of held) await batch.ack().catch(() => {});
    await sleep(fixture.leaseTtlMs + 200);
    assert.deepEqual(await takeAll(late, 2), [0, 1]);
    await late.close();
  });

  test("what is released is taken next, in order, and the rest is forgotten", async (fixture) => {
    const source = fixture.source();
    await source.open();
    await fixture.append(rawEvents(5));
    const batch = await source.take(WIDE, never());
    assert.equal(batch?.items.length, 5);
    await fixture.append(rawEvents(2, 5));
    await batch.release([1, 3]);
    await source.close();
    const next = fixture.source();
    await next.open();
    const expected = fixture.isPartitioned ? range(1, 7) : [1, 3, 5, 6];
    assert.deepEqual(await takeAll(next, expected.length), expected);
    await next.close();
  });

  test("several servers share thousands of events, each brought once", async (fixture) => {
    const sources = [fixture.source(), fixture.source(), fixture.source()];
    await Promise.all(sources.map((source) => source.open()));
    const seen: number[] = [];
    const consume = async (source: Source) => {
      const end = performance.now() + 60_000;
      while (performance.now() < end) {
        const batch = await source.take({ items: 150, bytes: 1e9 }, AbortSignal.timeout(300));
        if (batch === null) {
          if (seen.length >= 5_000) return;
          continue;
        }
        seen.push(...numbers(batch));
        await batch.ack();
      }
    };
    const consumers = sources.map(consume);
    for (let first = 0; first < 5_000; first += 500) await fixture.append(rawEvents(500, first));
    await Promise.all(consumers);
    assert.deepEqual(seen.toSorted((a, b) => a - b), range(0, 5_000));
    await Promise.all(sources.map((source) => source.close()));
  }, 3);
}
