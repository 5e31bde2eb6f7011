/** A plugin host as an attacker who had taken it over would write it. */
import {
  decodeEvents,
  decodeFrame,
  encodeFrame,
  encodeResults,
  FrameType,
  ResultStatus,
} from "../../../plugins_runtime/frames.ts";
import { FrameReader } from "../../../plugins_runtime/frame_reader.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const output = Deno.stdout.writable.getWriter();
const reader = new FrameReader();
for await (const chunk of Deno.stdin.readable) {
  for (const bytesOfFrame of reader.push(chunk)) {
    const { type, id, payload } = decodeFrame(bytesOfFrame);
    if (type === FrameType.Load) {
      const report = { error: null, methods: ["processEvent"], scheduledTasks: [], jobs: [] };
      output.write(encodeFrame(FrameType.Loaded, 0, bytes(report)));
    }
    if (type !== FrameType.Events) continue;
    const forged = JSON.stringify({ event: "forged", properties: { forged: true } });
    const changed = (index: number, text: string) => ({
      index,
      status: ResultStatus.Changed,
      text,
    });
    for (const other of [0, id + 1, id + 77, 4_294_967_295]) {
      output.write(encodeResults(other, [changed(0, forged)]));
    }
    output.write(encodeResults(id, [changed(99, forged)]));
    const real = decodeEvents(payload).texts.map((text, index) => {
      const event = JSON.parse(new TextDecoder().decode(text));
      const properties = { ...event.properties, real: true };
      return changed(index, JSON.stringify({ ...event, properties }));
    });
    output.write(encodeResults(id, real.slice(0, 1)));
    // The first once more, now forged: it has its answer.
    output.write(encodeResults(id, [changed(0, forged), ...real.slice(1)]));
    output.write(encodeResults(id, [changed(0, forged), changed(1, forged)]));
    // Calls for a config that is somebody else's are the API's to refuse; log lines likewise.
    output.write(encodeFrame(FrameType.Log, 0, bytes([{ configId: 999, type: "X", message: 5 }])));
  }
}
