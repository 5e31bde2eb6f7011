/** A plugin host that was taken over and has no plan: what it writes is seeded noise around answers. */
import {
  decodeEvents,
  decodeFrame,
  encodeFrame,
  encodeResults,
  FrameType,
  type LoadRequest,
  ResultStatus,
} from "../../../plugins_runtime/frames.ts";
import { FrameReader } from "../../../plugins_runtime/frame_reader.ts";
import { randomFrom, type SeededRandom } from "../../services/random.ts";

const encoder = new TextEncoder();
const bytes = (value: unknown) => encoder.encode(JSON.stringify(value));
const write = (chunk: Uint8Array) => {
  for (let at = 0; at < chunk.byteLength;) at += Deno.stdout.writeSync(chunk.subarray(at));
};

const VALUES: readonly unknown[] = [
  null,
  0,
  -1,
  1e308,
  "",
  "x".repeat(10_000),
  [],
  {},
  [null],
  { configId: 1 },
  [{ configId: 1, type: "ERROR", message: null }],
  [{ configId: 1, method: "storage.get", args: ["k"] }],
  [{ configId: 2 ** 31, method: "__proto__", args: {} }],
  { error: null, methods: null, scheduledTasks: 1, jobs: {} },
  { error: { message: {} }, methods: [], scheduledTasks: [], jobs: [] },
  { configId: 1, error: { message: 1, stack: [] } },
  { host: { toString: 1 } },
  { host: "\u0000;rm -rf /" },
  JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
];

/** A frame that nobody asked for, or that is none. */
function noise(random: SeededRandom): Uint8Array {
  const types = Object.values(FrameType);
  const type = random.pick([...types, random.below(256)]) as FrameType;
  const payload = random.below(3) === 0
    ? Uint8Array.from({ length: random.below(200) }, () => random.below(256))
    : bytes(random.pick(VALUES));
  const frame = encodeFrame(type, random.below(50), payload);
  // Now and then a byte of it is another; where that hits the head the stream is broken for good.
  if (random.below(20) === 0) frame[random.below(frame.byteLength)] = random.below(256);
  return frame;
}

let random = randomFrom(1);
const reader = new FrameReader();
for await (const chunk of Deno.stdin.readable) {
  for (const frame of reader.push(chunk)) {
    const { type, id, payload } = decodeFrame(frame);
    if (type === FrameType.Ping) write(encodeFrame(FrameType.Pong, id));
    if (type === FrameType.Load) {
      const request = JSON.parse(new TextDecoder().decode(payload)) as LoadRequest;
      random = randomFrom(Number(request.files["index.js"]) + Deno.pid);
      const report = { error: null, methods: ["processEvent"], scheduledTasks: [], jobs: [] };
      write(encodeFrame(FrameType.Loaded, 0, bytes(report)));
    }
    if (type !== FrameType.Events) continue;
    const { texts } = decodeEvents(payload);
    for (let n = random.below(6); n > 0; n--) write(noise(random));
    if (random.below(30) === 0) Deno.exit(random.below(3));
    for (let n = random.below(4); n > 0; n--) {
      const text = random.pick([JSON.stringify(random.pick(VALUES)), "\0\0\0"]);
      write(encodeResults(id, [{ index: random.below(10), status: random.below(9), text }]));
    }
    write(encodeResults(
      id,
      texts.map((_, index) => ({ index, status: ResultStatus.Unchanged, text: "" })),
    ));
  }
}
