import assert from "node:assert/strict";
import {
  type EventResult,
  MAX_EVENT_GROWTH_BYTES,
  ResultStatus,
} from "../../../plugins_runtime/frames.ts";
import { Job } from "../../../src/plugins/hosts/job.ts";

const texts = (count: number) => Array.from({ length: count }, () => new Uint8Array(100));
const grown = (index: number, bytes: number, status = ResultStatus.Changed as number) => ({
  index,
  status,
  text: new Uint8Array(bytes),
});

async function resultsOf(count: number, given: readonly EventResult[]): Promise<EventResult[]> {
  const { promise, resolve } = Promise.withResolvers<EventResult[] | null>();
  const job = new Job(1, 1, texts(count), resolve);
  for (const result of given) job.take(result);
  job.finish();
  return await promise ?? [];
}

Deno.test("an event may grow within bounds, and all of a frame together", async () => {
  const [one, two] = await resultsOf(2, [
    grown(0, 100 + MAX_EVENT_GROWTH_BYTES),
    grown(1, 101 + MAX_EVENT_GROWTH_BYTES),
  ]);
  assert.equal(one?.status, ResultStatus.Changed);
  assert.equal(two?.status, ResultStatus.Failed);
  assert.match(new TextDecoder().decode(two?.text), /the returned event has 1048677 bytes/);
  const many = await resultsOf(
    20,
    Array.from({ length: 20 }, (_, index) => grown(index, MAX_EVENT_GROWTH_BYTES)),
  );
  assert.equal(many.filter(({ status }) => status === ResultStatus.Changed).length, 8);
});

Deno.test("an error is as long as one can be, or is not read", async () => {
  const [short, long, late] = await resultsOf(3, [
    grown(0, 50_000, ResultStatus.Failed),
    grown(1, 70_000, ResultStatus.Failed),
    grown(2, 70_000, ResultStatus.TimedOut),
  ]);
  assert.equal(short?.text.byteLength, 50_000);
  assert.match(new TextDecoder().decode(long?.text), /too long/);
  assert.equal(late?.status, ResultStatus.TimedOut);
  assert.match(new TextDecoder().decode(late?.text), /too long/);
});
