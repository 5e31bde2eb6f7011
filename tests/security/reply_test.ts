/** What a host claims is believed only where it answers a question that was asked, once. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import {
  decodeEvents,
  decodeFrame,
  decodeResults,
  encodeEvents,
  encodeFrame,
  encodeResults,
  FRAME_HEADER_BYTES,
  FrameType,
  MAX_FRAME_BYTES,
} from "../../plugins_runtime/frames.ts";
import { FrameReader } from "../../plugins_runtime/frame_reader.ts";
import { fence, pluginEvent, propertiesOf } from "../plugins/fence.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** In the worker a plugin can still send itself messages: it is its own realm it fools. */
const FORGING = `
  const target = globalThis;
  const dispatch = EventTarget.prototype.dispatchEvent;
  exports.processEvent = (event) => {
    const forged = new Uint8Array(64);
    new DataView(forged.buffer).setUint32(0, 60);
    forged[4] = 1;
    for (const type of [1, 2, 3, 4, 5, 6, 101, 102, 103, 104]) {
      forged[5] = type;
      try {
        const message = new Event("message");
        Object.defineProperty(message, "data", { value: forged });
        dispatch.call(target, message);
      } catch {}
    }
    event.properties.seen = true;
    return event;
  }`;

Deno.test("frames that a plugin forges to itself reach nobody else", async () => {
  await using fenced = fence([
    { source: FORGING },
    { source: `exports.processEvent = (event) => { event.properties.next = true; return event }` },
  ]);
  const outcomes = await fenced.run([0, 1, 2].map((number) => pluginEvent(number)));
  for (const outcome of outcomes) {
    assert.ok(outcome.json !== null);
    assert.equal(JSON.parse(outcome.json).team_id, 2);
    assert.equal(JSON.parse(outcome.json).properties.next, true);
  }
});

Deno.test("results that nobody asked for, and repeated ones, do not count", async () => {
  // A host that was taken over: another program in its place, which forges before it answers.
  await using fenced = fence([{ source: "" }], {
    runtime: fileURLToPath(import.meta.resolve("./hostile_runtime/")),
  });
  const outcomes = await fenced.run([0, 1].map((number) => pluginEvent(number)));
  assert.deepEqual(propertiesOf(outcomes), [{ number: 0, real: true }, { number: 1, real: true }]);
});

Deno.test("a stream that is no frames is refused before it is believed", () => {
  const header = (length: number, version = 1) => {
    const chunk = new Uint8Array(FRAME_HEADER_BYTES);
    new DataView(chunk.buffer).setUint32(0, length);
    chunk[4] = version;
    return chunk;
  };
  assert.throws(() => new FrameReader().push(header(MAX_FRAME_BYTES + 1)), RangeError);
  assert.throws(() => new FrameReader().push(header(1)), RangeError);
  assert.throws(() => new FrameReader().push(header(6, 2)), /version 2/);
  assert.throws(() => new FrameReader().push(bytes("console.log in the stream")), RangeError);
  const results = encodeResults(1, [{ index: 0, status: 1, text: "{}" }]);
  assert.throws(() => decodeResults(results.subarray(FRAME_HEADER_BYTES, -1)), RangeError);
});

Deno.test("memory for a frame is taken as its bytes come, and none of the chunk's is kept", () => {
  const text = new Uint8Array(1_000_000).map((_, index) => index % 251);
  const frame = encodeFrame(FrameType.Log, 7, text);
  const reader = new FrameReader();
  const chunk = new Uint8Array(60_000);
  const read: Uint8Array[] = [];
  for (let at = 0; at < frame.byteLength; at += chunk.byteLength) {
    const part = frame.subarray(at, at + chunk.byteLength);
    chunk.set(part);
    read.push(...reader.push(chunk.subarray(0, part.byteLength)));
  }
  assert.equal(read.length, 1);
  assert.ok(Buffer.from(read[0] as Uint8Array).equals(frame));
  assert.equal(read[0]?.buffer.byteLength, frame.byteLength);
});

Deno.test("events that come in parts are the events that were sent", () => {
  const texts = [0, 1, 70_000, 20_000, 30_000, 2, 100_000].map((size) => new Uint8Array(size + 2));
  const parts = new FrameReader().push(encodeEvents(3, 7, texts)).map((frame) =>
    decodeEvents(decodeFrame(frame).payload)
  );
  assert.ok(parts.length > 2);
  let next = 0;
  for (const { configId, total, first, texts: some } of parts) {
    assert.deepEqual([configId, total, first], [7, texts.length, next]);
    for (const text of some) assert.equal(text.byteLength, texts[next++]?.byteLength);
  }
  assert.equal(next, texts.length);
});

Deno.test("results of any script keep their texts", () => {
  const texts = ["{}", '"äöü"', '"漢字"', '"😀"', ""];
  const frame = encodeResults(9, texts.map((text, index) => ({ index, status: 1, text })));
  const { id, payload } = decodeFrame(frame);
  assert.equal(id, 9);
  assert.equal(new DataView(frame.buffer).getUint32(0), frame.byteLength - 4);
  assert.deepEqual(
    decodeResults(payload).map(({ text }) => new TextDecoder().decode(text)),
    texts,
  );
});

Deno.test("frames survive being cut anywhere", () => {
  const frames = [1, 2, 3].map((id) => encodeEvents(id, 7, [bytes(`{"n":${id}}`), bytes("{}")]));
  const whole = new Uint8Array(frames.flatMap((frame) => [...frame]));
  for (const size of [1, 3, 7, 10, 11, 50]) {
    const reader = new FrameReader();
    const read: number[][] = [];
    for (let at = 0; at < whole.length; at += size) {
      for (const frame of reader.push(whole.subarray(at, at + size))) read.push([...frame]);
    }
    assert.deepEqual(read, frames.map((frame) => [...frame]), String(size));
  }
});
