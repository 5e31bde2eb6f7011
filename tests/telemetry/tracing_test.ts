/** Traces of batches, as Deno exports them. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { attributeOf, otlpSettings, spansOf } from "./otlp_spans.ts";
import { startHttpSink } from "./http_sink.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./traced_batches.ts"));

/** Runs the program to its end. */
async function runTraced(env: Record<string, string>): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", PROGRAM],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(120_000),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("a batch has one span of each plugin, and its writes, within its time", async () => {
  await using sink = startHttpSink();
  await runTraced(otlpSettings(sink));
  const spans = spansOf(sink);
  const [one, other] = ["one", "other"].map((source) =>
    spans.find((span) => span.name === "batch" && attributeOf(span, "source") === source)
  );
  assert.ok(one !== undefined && other !== undefined, JSON.stringify(spans));
  assert.notEqual(one.traceId, other.traceId);
  const within = spans.filter(({ parentSpanId }) => parentSpanId === one.spanId);
  const runs = within.filter(({ name }) => name === "processEvent").map((span) =>
    ["config", "events", "failed", "wait_ms"].map((name) => Number(attributeOf(span, name)))
  );
  assert.deepEqual(
    runs.toSorted((first, second) => Number(second[1]) - Number(first[1])),
    [[7, 300, 3, 9], [8, 50, 1, 1], [7, 1, 1, 0]],
  );
  const writes = spans.filter(({ name }) => name === "write");
  assert.equal(writes.length, 1);
  assert.equal(writes[0]?.parentSpanId, one.spanId);
  assert.deepEqual(writes[0]?.links?.map(({ spanId }) => spanId), [other.spanId]);
  for (const span of within) {
    assert.equal(span.traceId, one.traceId);
    const [start, end] = [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)];
    assert.ok(BigInt(one.startTimeUnixNano) <= start && start <= end, span.name);
    const isLate = attributeOf(span, "events") === "1" || attributeOf(span, "events") === 1;
    assert.ok(isLate || end <= BigInt(one.endTimeUnixNano), span.name);
  }
});

Deno.test("of batches that the sampler leaves out there is nothing", async () => {
  await using sink = startHttpSink();
  await runTraced({ ...otlpSettings(sink), OTEL_TRACES_SAMPLER: "always_off" });
  assert.deepEqual(spansOf(sink), []);
});
